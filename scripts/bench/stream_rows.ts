import { type ClientHttp2Session, connect } from "node:http2";
import type { Effort } from "./gateway_rows.ts";
import { quantile, type Row } from "./row.ts";
import { programCommand, startDev } from "./stack.ts";

/** Streams at once; all are opened within a second. */
const STREAMS = 5_000;
/** Connections that carry them: h2c, because HTTP/1.1 would need a descriptor for each. */
const SESSIONS = 50;
const EVENTS = 10;
const PACE_MS = 500;

/** An event that comes so much after its time is late: half of the pace. */
const LATE_MS = PACE_MS / 2;

const SCRIPT = btoa(JSON.stringify({
  steps: [{ repeat: { times: EVENTS, steps: [{ event: { data: "1" } }, { sleep: PACE_MS }] } }],
})).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");

interface StreamResult {
  status: number;
  readonly arrivals: number[];
  complete: boolean;
}

/** Many paced streams at once through Envoy and policy: refused, lost and late ones. */
export async function streamRows(_effort: Effort): Promise<Row[]> {
  await using dev = await startDev(programCommand());
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => openSession(dev.ready.ingress)),
  );
  try {
    const started = performance.now();
    const running = Array.from(
      { length: STREAMS },
      (_, index) => openStream(sessions[index % SESSIONS] as ClientHttp2Session),
    );
    const opening = performance.now() - started;
    const results = await Promise.all(running);
    const refused = results.filter(({ status }) => status !== 200).length;
    const lost = results.reduce((sum, { arrivals }) => sum + EVENTS - arrivals.length, 0);
    const lateness = results.flatMap(({ arrivals }) =>
      arrivals.slice(1).map((at, index) => at - (arrivals[index] ?? at) - PACE_MS)
    );
    const late = lateness.filter((ms) => ms > LATE_MS).length;
    const one = (name: string, unit: string, value: number): Row => ({
      name: `${STREAMS} streams at once: ${name}`,
      unit,
      value,
      runs: 1,
      samples: [value],
    });
    return [
      one("time to open all", "ms", opening),
      one("refused", "streams", refused),
      one("lost", "events", lost),
      one(`late by more than ${LATE_MS} ms`, "events", late),
      one("p99 lateness of an event", "ms", quantile(lateness, 0.99)),
    ];
  } finally {
    for (const session of sessions) session.destroy();
  }
}

function openSession(url: string): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(url);
    session.once("connect", () => resolve(session)).once("error", reject);
  });
}

function openStream(session: ClientHttp2Session): Promise<StreamResult> {
  const result: StreamResult = { status: 0, arrivals: [], complete: false };
  return new Promise((resolve) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/v1/chat/completions",
      "x-api-key": "demo-key",
      "content-type": "application/json",
      "x-mock-script": SCRIPT,
    });
    stream.on("response", (headers) => void (result.status = headers[":status"] ?? 0));
    stream.on("data", (bytes: Uint8Array) => {
      const events = new TextDecoder().decode(bytes).split("data: ").length - 1;
      for (let event = 0; event < events; event++) result.arrivals.push(performance.now());
    });
    stream.on("end", () => void (result.complete = true));
    stream.on("error", () => {});
    stream.on("close", () => resolve(result));
    stream.end('{"model":"m","stream":true,"messages":[]}');
  });
}
