/** The texts of requests and answers of Chat Completions, Completions, Responses and Messages. */
import type { Json } from "../openai/mod.ts";
import type { JsonObject } from "./exchange.ts";

/** Keys whose strings are text that a person or a model wrote. */
const TEXT_KEYS = new Set([
  "content",
  "text",
  "refusal",
  "reasoning",
  "reasoning_content",
  "thinking",
  "arguments",
  "partial_json",
  "input",
  "instructions",
  "system",
  "prompt",
  "output",
  "message",
]);

/** Keys below which nothing is text: tools are described by developers, metadata is not shown to a model. */
const SKIPPED = new Set(["tools", "functions", "metadata", "usage", "logprobs", "response_format"]);

/**
 * Returns a copy of a message with each of its texts changed, or undefined when none was.
 *
 * @param change returns the text that stands in place of another
 */
export function mapTexts(
  json: JsonObject,
  change: (text: string) => string,
): JsonObject | undefined {
  let changed = false;
  const walk = (value: Json, isText: boolean): Json => {
    if (typeof value === "string") {
      if (!isText) return value;
      const next = change(value);
      if (next !== value) changed = true;
      return next;
    }
    if (Array.isArray(value)) return value.map((item) => walk(item, isText));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        key,
        SKIPPED.has(key) ? item : walk(item as Json, TEXT_KEYS.has(key)),
      ]),
    );
  };
  const result = walk(json, false) as JsonObject;
  return changed ? result : undefined;
}

/** Returns every text of a message, in its order. */
export function textsOf(json: JsonObject): string[] {
  const texts: string[] = [];
  mapTexts(json, (text) => {
    texts.push(text);
    return text;
  });
  return texts;
}

/** A piece of a text that comes in pieces: which text, and where in the event it lies. */
export interface Delta {
  /** The same for all pieces of one text. */
  readonly key: string;
  readonly text: string;
  /** Returns the event with another piece in its place. */
  with(text: string): JsonObject;
}

/** Fields of a chat delta that are text. */
const CHAT_FIELDS = ["content", "refusal", "reasoning_content", "reasoning"] as const;

/** Returns the pieces of an event; none for an event that holds whole texts or none at all. */
export function deltasOf(json: JsonObject): Delta[] {
  if (Array.isArray(json.choices)) return chatDeltas(json, json.choices as JsonObject[]);
  const type = typeof json.type === "string" ? json.type : "";
  if (type === "content_block_delta") return messageDeltas(json);
  if (type.endsWith(".delta") && typeof json.delta === "string") {
    const key = [type, json.item_id, json.output_index, json.content_index].join(" ");
    return [{ key, text: json.delta, with: (delta) => ({ ...json, delta }) }];
  }
  return [];
}

function chatDeltas(json: JsonObject, choices: JsonObject[]): Delta[] {
  return choices.flatMap((choice, at) => {
    const replace = (next: JsonObject) => ({ ...json, choices: choices.with(at, next) });
    const name = String(choice.index ?? at);
    if (typeof choice.text === "string") {
      const { text } = choice;
      return [{
        key: `${name} text`,
        text,
        with: (piece: string) => replace({ ...choice, text: piece }),
      }];
    }
    const delta = choice.delta as JsonObject | undefined;
    if (typeof delta !== "object" || delta === null) return [];
    const inDelta = (change: JsonObject) => replace({ ...choice, delta: { ...delta, ...change } });
    const plain = CHAT_FIELDS.flatMap((field): Delta[] => {
      const text = delta[field];
      if (typeof text !== "string" || text === "") return [];
      return [{ key: `${name} ${field}`, text, with: (piece) => inDelta({ [field]: piece }) }];
    });
    return [...plain, ...argumentDeltas(name, delta, inDelta)];
  });
}

function argumentDeltas(
  choice: string,
  delta: JsonObject,
  inDelta: (change: JsonObject) => JsonObject,
): Delta[] {
  if (!Array.isArray(delta.tool_calls)) return [];
  const calls = delta.tool_calls as JsonObject[];
  return calls.flatMap((call, at): Delta[] => {
    const called = call.function as JsonObject | undefined;
    const text = called?.arguments;
    if (typeof text !== "string" || text === "") return [];
    return [{
      key: `${choice} call ${String(call.index ?? at)}`,
      text,
      with: (piece) =>
        inDelta({
          tool_calls: calls.with(at, { ...call, function: { ...called, arguments: piece } }),
        }),
    }];
  });
}

const MESSAGE_FIELDS = ["text", "thinking", "partial_json"] as const;

function messageDeltas(json: JsonObject): Delta[] {
  const delta = json.delta as JsonObject | undefined;
  return MESSAGE_FIELDS.flatMap((field): Delta[] => {
    const text = delta?.[field];
    if (typeof text !== "string") return [];
    const key = `${String(json.index)} ${field}`;
    return [{ key, text, with: (piece) => ({ ...json, delta: { ...delta, [field]: piece } }) }];
  });
}

/**
 * Returns a test for the keys of texts that end with an event: the choice that finishes, the block or the item that is
 * done, or all of them with the end of the stream; undefined for an event that ends none.
 */
export function endsTexts(
  event: { readonly data: string; readonly json: JsonObject | undefined },
): ((key: string) => boolean) | undefined {
  const { data, json } = event;
  if (data === "[DONE]") return () => true;
  if (json === undefined) return undefined;
  if (Array.isArray(json.choices)) {
    const done = (json.choices as JsonObject[])
      .flatMap((choice, at) => choice.finish_reason ? [`${String(choice.index ?? at)} `] : []);
    return done.length === 0 ? undefined : (key) => done.some((name) => key.startsWith(name));
  }
  const type = typeof json.type === "string" ? json.type : "";
  if (type === "content_block_stop") return (key) => key.startsWith(`${String(json.index)} `);
  if (/^(message_stop|response\.(completed|incomplete|failed))$/.test(type)) return () => true;
  if (type.endsWith(".done") && typeof json.item_id === "string") {
    const part = ` ${json.item_id} `;
    return (key) => key.includes(part) && key.startsWith(type.replace(/\.done$/, ".delta"));
  }
  return undefined;
}
