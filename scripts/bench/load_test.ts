import assert from "node:assert/strict";
import { parseGhz, parseH2load, parseWrk } from "./load.ts";

Deno.test("parseWrk() reads rate, latencies in any unit, and errors", () => {
  const result = parseWrk(`
  Latency Distribution
     50%  812.00us
     75%    1.10ms
     90%    1.40ms
     99%    2.05ms
  1234 requests in 5.00s, 1.00MB read
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 4
Requests/sec:  24680.50
`);
  assert.deepEqual(result, { perSecond: 24680.5, p50Ms: 0.812, p99Ms: 2.05, errors: 7 });
});

Deno.test("parseGhz() reads nanoseconds and counts everything but OK as an error", () => {
  const result = parseGhz(JSON.stringify({
    rps: 10_000,
    count: 100,
    statusCodeDistribution: { OK: 99, Unavailable: 1 },
    latencyDistribution: [{ percentage: 50, latency: 2e6 }, { percentage: 99, latency: 5e6 }],
  }));
  assert.deepEqual(result, { perSecond: 10_000, p50Ms: 2, p99Ms: 5, errors: 1 });
});

Deno.test("parseH2load() reads the rate, and latencies and errors from the log", () => {
  const text = "finished in 2.06s, 48546.38 req/s, 12.32MB/s\nrequests: 4 total\n";
  const log = "100\t200\t1000\n101\t200\t3000\n102\t503\t9000\n103\t200\t2000\n";
  const result = parseH2load(text, log);
  assert.deepEqual(result, { perSecond: 48546.38, p50Ms: 3, p99Ms: 9, errors: 1 });
});
