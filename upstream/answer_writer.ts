import { errorBody, type OpenAiErrorInit } from "../openai/mod.ts";
import type { Answer } from "./endpoints/answer.ts";
import type { Pacer } from "./pace.ts";
import type { Wire } from "./wire.ts";

/** Events written before other connections get their turn, when nothing else waits. */
const YIELD_EVERY = 64;

const encoder = new TextEncoder();
const JSON_HEADERS: [string, string] = ["content-type", "application/json"];
const EVENT_STREAM_HEADERS: [string, string][] = [
  ["content-type", "text/event-stream; charset=utf-8"],
  ["cache-control", "no-cache"],
];

/** Writes an endpoint's answer at the given pace: one write per event. */
export async function writeAnswer(wire: Wire, answer: Answer, pacer: Pacer): Promise<void> {
  if (answer.kind !== "events") {
    const wait = answer.paced ? pacer.first(wire.signal) : undefined;
    if (wait) await wait;
    if (wire.gone) return;
    if (answer.kind === "json") {
      const body = encoder.encode(JSON.stringify(answer.body));
      wire.whole(answer.status, [JSON_HEADERS, ...answer.headers ?? []], body);
    } else {
      const { status = 200, contentType, headers = [] } = answer;
      wire.whole(status, [["content-type", contentType], ...headers], answer.bytes);
    }
    return;
  }
  await wire.head(200, EVENT_STREAM_HEADERS);
  let sinceYield = 0;
  for (const { text, wait } of answer.events) {
    const pause = wait === "first"
      ? pacer.first(wire.signal)
      : wait === "next"
      ? pacer.next(wire.signal)
      : undefined;
    if (pause) await pause;
    else if (++sinceYield >= YIELD_EVERY) {
      sinceYield = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    if (wire.gone) return;
    const stalled = wire.writeEvent(text);
    if (stalled) await stalled;
  }
  wire.end();
}

/** Answers with an OpenAI-shaped error. */
export function writeError(wire: Wire, status: number, init: OpenAiErrorInit): void {
  const body = encoder.encode(JSON.stringify(errorBody(status, init)));
  wire.whole(status, [JSON_HEADERS], body);
}
