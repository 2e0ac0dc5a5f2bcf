import assert from "node:assert/strict";
import type { RequestRecord } from "../../service/mod.ts";
import { styleFor } from "../style.ts";
import { requestLine } from "./request_line.ts";

const plain = styleFor(
  { write: () => {}, closed: false, isTerminal: false, columns: 80, onClosed: () => {} },
  { env: () => undefined },
);

const RECORD: RequestRecord = {
  time: "2026-01-02T03:04:05.678Z",
  request_id: "r-1",
  method: "POST",
  path: "/v1/chat/completions",
  status: 200,
  decision: "allow",
  reason: "allow",
  tenant: "demo",
  first_byte_ms: 3,
  total_ms: 535,
  bytes: 6_900,
  events: 28,
  flags: "DC",
  ended: "client left",
  details: "via_upstream",
  model: "gpt-4o-mini",
  key: "demo",
  host: "127.0.0.1:9000",
  attempts: 1,
  protocol: "HTTP/1.1",
  bytes_received: 10,
  tokens: { input: 8, output: 25, cached: 0 },
  policy_ms: 1,
  upstream_tx_ms: 1,
  upstream_rx_ms: 2,
};

Deno.test("a request is one line for a file, with model, host, tokens and Envoy's flags in words", () => {
  const line = requestLine(RECORD, plain);
  assert.ok(!line.includes("\n"));
  assert.match(line, /gpt-4o-mini on 127\.0\.0\.1:9000/);
  assert.match(line, /8\+25 tokens/);
  assert.match(line, /client left/);
  assert.doesNotMatch(line, /\bDC\b/);
});

Deno.test("no line is wider than the terminal, however long path and model are", () => {
  const long = { ...RECORD, path: `/v1/${"x".repeat(300)}`, model: "m".repeat(300) };
  for (const record of [RECORD, long]) {
    for (const columns of [80, 100]) {
      const lines = requestLine(record, plain, columns).split("\n");
      assert.equal(lines.length, 2);
      for (const line of lines) assert.ok(line.length <= columns, `${line.length}: ${line}`);
    }
  }
});
