/** Figures of many streams at once. */
import type { Effort } from "./gateway_rows.ts";
import { runPacedStreams, tallyOf } from "./paced_streams.ts";
import { quantile, type Row } from "./row.ts";
import { programCommand, startDev } from "./stack.ts";

/** Streams at once; all are opened within a second. */
const STREAMS = 5_000;
const EVENTS = 10;
const PACE_MS = 500;

/** An event that comes so much after its time is late: half of the pace. */
const LATE_MS = PACE_MS / 2;

const SCRIPT = btoa(JSON.stringify({
  steps: [{ repeat: { times: EVENTS, steps: [{ event: { data: "1" } }, { sleep: PACE_MS }] } }],
})).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

/** Many paced streams at once through Envoy and policy: refused, lost and late ones. */
export async function streamRows(_effort: Effort): Promise<Row[]> {
  await using dev = await startDev(programCommand());
  const { openingMs, results } = await runPacedStreams(dev.ready.ingress, STREAMS, {
    path: "/v1/chat/completions",
    headers: { "x-api-key": "demo-key", "x-mock-script": SCRIPT },
    body: '{"model":"m","stream":true,"messages":[]}',
    mark: "data: ",
  });
  const { refused, lost, lateness, late } = tallyOf(results, {
    events: EVENTS,
    paceMs: PACE_MS,
    lateMs: LATE_MS,
  });
  const one = (name: string, unit: string, value: number): Row => ({
    name: `${STREAMS} streams at once: ${name}`,
    unit,
    value,
    runs: 1,
    samples: [value],
  });
  return [
    one("time to open all", "ms", openingMs),
    one("refused", "streams", refused),
    one("lost", "events", lost),
    one(`late by more than ${LATE_MS} ms`, "events", late),
    one("p99 lateness of an event", "ms", quantile(lateness, 0.99)),
  ];
}
