/** Writes answers to the wire, at the pace of a model. */
import { Buffer } from "node:buffer";
import { dialectOf, errorIn, type ErrorInit } from "../../dialects/mod.ts";
import type { Answer } from "./answer.ts";
import type { Pacer } from "./pace.ts";
import type { StreamEvent } from "../load/stream_event.ts";
import { FairYield } from "../load/fair_yield.ts";
import type { AbortKind } from "../types.ts";
import type { Wire } from "../wire/wire.ts";

/** Bytes after which a burst goes out, so that memory stays bounded. */
const BURST_BYTES = 64 * 1024;

const JSON_HEADERS: [string, string] = ["content-type", "application/json"];
const EVENT_STREAM = "text/event-stream; charset=utf-8";

/** Writes an endpoint's answer at the given pace: one write per event, or per burst where nothing is waited for. */
export async function writeAnswer(
  wire: Wire,
  answer: Answer,
  pacer: Pacer,
  breakOff?: BreakOff,
): Promise<void> {
  const { exchange } = wire;
  if (answer.model !== undefined) exchange.model = answer.model;
  if (answer.usage !== undefined) exchange.usage = answer.usage;
  if (breakOff) return await writeBroken(wire, answer, pacer, breakOff);
  if (answer.kind !== "events") {
    const wait = answer.paced ? pacer.first(wire.signal) : undefined;
    if (wait) await wait;
    if (wire.gone) return;
    if (answer.kind === "json") {
      const body = JSON.stringify(answer.body);
      wire.whole(answer.status, [JSON_HEADERS, ...answer.headers ?? []], body);
    } else {
      const { status = 200, contentType, headers = [] } = answer;
      wire.whole(status, [["content-type", contentType], ...headers], answer.body);
    }
    return;
  }
  await wire.head(200, [
    ["content-type", answer.contentType ?? EVENT_STREAM],
    ["cache-control", "no-cache"],
    ...answer.headers ?? [],
  ]);
  if (pacer.burst > 1) return await writeBursts(wire, answer.events, pacer.burst);
  const { waits } = pacer;
  const fair = new FairYield();
  const next = reader(answer.events);
  for (let event = next(); event !== undefined; event = next()) {
    const pause = waits && event.wait ? pacer[event.wait](wire.signal) : undefined;
    const held = pause ?? fair.step();
    if (held) await held;
    if (wire.gone) return;
    const stalled = wire.writeEvent(event);
    if (stalled) await stalled;
  }
  wire.end();
}

/** Where an answer breaks off, and how. */
export interface BreakOff {
  /** `hang`: nothing more comes; `end`: the answer ends as if it were whole. */
  readonly abort: AbortKind | "hang" | "end";
  /** Events that go out before, counted from the end when negative; half of them when not given. */
  readonly after?: number;
}

/** A reset overtakes what was written before it, so it waits until that is read: 20 ms on loopback. */
const BEFORE_RESET_MS = 20;

/** Writes the beginning of an answer and breaks it off; of a whole one half the bytes that it announces. */
async function writeBroken(
  wire: Wire,
  answer: Answer,
  pacer: Pacer,
  { abort, after }: BreakOff,
): Promise<void> {
  if (answer.kind === "events") {
    const events = [...answer.events];
    await wire.head(200, [["content-type", answer.contentType ?? EVENT_STREAM]]);
    for (const event of events.slice(0, after ?? Math.ceil(events.length / 2))) {
      const pause = event.wait && pacer[event.wait](wire.signal);
      if (pause) await pause;
      if (wire.gone) return;
      await wire.writeEvent(event);
    }
  } else {
    const text = answer.kind === "json" ? JSON.stringify(answer.body) : answer.body;
    const bytes = Buffer.from(text as string);
    const contentType = answer.kind === "json" ? "application/json" : answer.contentType;
    await wire.head(answer.status ?? 200, [
      ["content-type", contentType],
      ["content-length", String(bytes.length)],
    ]);
    await wire.write(abort === "end" ? bytes : bytes.subarray(0, Math.floor(bytes.length / 2)));
  }
  if (abort === "end") return wire.end();
  if (abort === "hang") return await gone(wire);
  if (abort === "rst" || abort === "tcp_rst") await pacer.pause(BEFORE_RESET_MS, wire.signal);
  wire.abort(abort);
}

/** Resolves when the peer has left, or the exchange was aborted. */
function gone(wire: Wire): Promise<void> {
  const { signal } = wire;
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/** Yields one event after the other; those of a stream that is kept without an iterator's result for each. */
function reader(events: Iterable<StreamEvent>): () => StreamEvent | undefined {
  if (Array.isArray(events)) {
    let at = 0;
    return () => events[at++];
  }
  const iterator = events[Symbol.iterator]();
  return () => {
    const { done, value } = iterator.next();
    return done ? undefined : value;
  };
}

/** Writes events without a wait between them, several to a write. */
async function writeBursts(
  wire: Wire,
  events: Iterable<StreamEvent>,
  burst: number,
): Promise<void> {
  let texts: string[] = [];
  let length = 0;
  for (const { text } of events) {
    texts.push(text);
    length += text.length;
    if (texts.length < burst && length < BURST_BYTES) continue;
    const stalled = wire.writeEvents(texts);
    if (stalled) await stalled;
    else await new Promise<void>((resolve) => setImmediate(resolve));
    if (wire.gone) return;
    texts = [];
    length = 0;
  }
  await wire.writeEvents(texts);
  wire.end();
}

/** Answers with an error in the shape of the request's dialect. */
export function writeError(wire: Wire, status: number, init: ErrorInit): void {
  const dialect = dialectOf(wire.path, (name) => wire.header(name));
  const { body, headers } = errorIn(dialect, status, init);
  wire.whole(status, [JSON_HEADERS, ...headers], JSON.stringify(body));
}
