/** Finds faults in the order of a stream's events, in each dialect of a client. */
import type { Dialect } from "../../dialects/mod.ts";

/** One event: its name, and its data as it came. */
export interface StreamedEvent {
  readonly type: string;
  readonly data: string;
}

/** Returns every fault, as a sentence; none for a stream that ends as its dialect wants. */
export function orderFaults(dialect: Dialect, events: readonly StreamedEvent[]): string[] {
  return FAULTS[dialect](events);
}

/** Whether a stream says that it is over: its end marker, or a reason why the answer ended. */
export function saysEnd(dialect: Dialect, events: readonly StreamedEvent[]): boolean {
  const bodies = events.filter(({ data }) => data !== "[DONE]").map(({ data }) => parsed(data));
  switch (dialect) {
    case "openai":
      return events.some(({ data }) => data === "[DONE]") ||
        bodies.some((body) => body?.choices?.some((one: Wire) => one.finish_reason));
    case "anthropic":
      return bodies.some((body) => body?.type === "message_stop" || body?.delta?.stop_reason);
    case "gemini":
      return bodies.some((body) => body?.candidates?.some((one: Wire) => one.finishReason));
  }
}

// deno-lint-ignore no-explicit-any -- what a gateway sent, whatever it is
type Wire = any;

function parsed(data: string): Wire {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

const FAULTS: Readonly<Record<Dialect, (events: readonly StreamedEvent[]) => string[]>> = {
  openai(events) {
    const faults: string[] = [];
    const done = events.filter(({ data }) => data === "[DONE]").length;
    if (done !== 1) faults.push(`[DONE] comes ${done} times`);
    if (events.at(-1)?.data !== "[DONE]") faults.push("the last event is not [DONE]");
    const chunks = events.filter(({ data }) => data !== "[DONE]").map(({ data }) => parsed(data));
    if (chunks.some((chunk) => chunk === undefined)) faults.push("an event is no JSON");
    const choices = chunks.flatMap((chunk) => chunk?.choices ?? []);
    const ends = choices.filter((choice) => choice.finish_reason);
    if (ends.length !== 1) faults.push(`finish_reason comes ${ends.length} times`);
    if (choices.length > 0 && !choices.at(-1)?.finish_reason) {
      faults.push("something is said after finish_reason");
    }
    const empty = choices.filter((choice) =>
      !choice.finish_reason && Object.keys(choice.delta ?? {}).length === 0
    );
    if (empty.length > 0) faults.push(`${empty.length} deltas are empty`);
    const ids = new Set(chunks.map((chunk) => chunk?.id));
    if (ids.size > 1) faults.push(`${ids.size} ids in one stream`);
    return faults;
  },
  anthropic(events) {
    const faults: string[] = [];
    const bodies = events.map(({ data }) => parsed(data)).filter((body) => body?.type !== "ping");
    const types = bodies.map((body) => body?.type);
    const count = (type: string) => types.filter((one) => one === type).length;
    for (const [at, type] of [[0, "message_start"], [-1, "message_stop"]] as const) {
      if (types.at(at) !== type) faults.push(`${type} is not at its place`);
      if (count(type) !== 1) faults.push(`${type} comes ${count(type)} times`);
    }
    if (count("message_delta") < 1) faults.push("message_delta is missing");
    const open = new Set<number>();
    for (const body of bodies) {
      if (body?.type === "content_block_start") open.add(body.index);
      if (body?.type === "content_block_delta" && !open.has(body.index)) {
        faults.push(`block ${body.index} grows before it starts`);
      }
      if (body?.type === "content_block_stop" && !open.delete(body.index)) {
        faults.push(`block ${body.index} stops before it starts`);
      }
    }
    if (open.size > 0) faults.push(`${open.size} blocks never stop`);
    const unnamed = events.filter(({ type, data }) => parsed(data)?.type !== type);
    if (unnamed.length > 0) faults.push("an event is not named as its type");
    return faults;
  },
  gemini(events) {
    const bodies = events.map(({ data }) => parsed(data));
    const ends = bodies.flatMap((body) => body?.candidates ?? []).filter((one: Wire) =>
      one.finishReason
    );
    const faults = ends.length === 1 ? [] : [`finishReason comes ${ends.length} times`];
    if (bodies.some((body) => body === undefined)) faults.push("an event is no JSON");
    return faults;
  },
};
