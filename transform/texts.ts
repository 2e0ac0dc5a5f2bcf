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
  "summary",
  "thinking",
  "transcript",
  "arguments",
  "partial_json",
  "input",
  "instructions",
  "system",
  "prompt",
  "output",
  "message",
  "user",
  "code",
  "logs",
]);

/** Keys of texts that never come in pieces: of citations, completions, rankings, files, and tools that run on a server. */
const WHOLE_KEYS = new Set([
  "cited_text",
  "title",
  "suffix",
  "stop",
  "query",
  "queries",
  "documents",
  "filename",
  "command",
  "commands",
  "stdout",
  "stderr",
  "diff",
]);

/** Keys of objects whose strings are all text: a tool's arguments, as Anthropic and Gemini write them, and what a stored prompt is filled with. */
const TEXT_OBJECTS = new Set(["input", "arguments", "args", "variables"]);

/** Keys below which nothing is text: tools are described by developers, metadata is not shown to a model. */
const SKIPPED = new Set(["tools", "functions", "metadata", "usage", "response_format"]);

/** Tokens one by one, which say the text once more. */
const TOKENS = "logprobs";

/** Place of a value in a message: keys and indices. */
export type Path = readonly (string | number)[];

/**
 * Returns a copy of a message with each of its texts changed, or undefined when none was. What says an answer's text once
 * more, token by token, goes: nothing can be changed there that spans tokens.
 */
export function mapTexts(
  json: JsonObject,
  change: Change,
): JsonObject | undefined {
  const result = mapped(json, change, false) as JsonObject;
  return result === json ? undefined : result;
}

/** Returns the text that stands in place of another; `key` is the one that it stands under, empty where it has none. */
export type Change = (text: string, key: string) => string;

/** Returns a text with its texts changed: of JSON that is no object every string, of anything else the whole. */
export function mapPlain(text: string, change: Change): string {
  if (!/^\s*["[]/.test(text)) return change(text, "");
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    return change(text, "");
  }
  const next = mapped(value, change, true);
  return next === value ? text : JSON.stringify(next);
}

/** Returns a value with its texts changed; the same value when none was. `isAll` says that every string is one. */
function mapped(json: Json, change: Change, isAll: boolean): Json {
  // What holds no change stays the same object: most messages do.
  const walk = (value: Json, isText: boolean, isAll: boolean, key = ""): Json => {
    if (typeof value === "string") return isText ? change(value, key) : value;
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) {
      let items: Json[] | undefined;
      for (let at = 0; at < value.length; at++) {
        const item = value[at] as Json;
        const next = walk(item, isText, isAll, key);
        if (next !== item) (items ??= [...value as Json[]])[at] = next;
      }
      return items ?? value;
    }
    let object: { [key: string]: Json } | undefined;
    for (const key in value) {
      const item = (value as JsonObject)[key] as Json;
      const next = member(key, item, isAll);
      if (next === item) continue;
      object ??= { ...value as JsonObject };
      // No key is special, whatever it is called.
      Object.defineProperty(object, key, {
        value: next,
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return object ?? value;
  };
  const member = (key: string, item: Json, isAll: boolean): Json => {
    if (isAll) return walk(item, true, true, key);
    if (SKIPPED.has(key)) return item;
    if (key === TOKENS) return tokenless(item);
    const all = TEXT_OBJECTS.has(key) && isRecord(item);
    return walk(item, all || TEXT_KEYS.has(key) || WHOLE_KEYS.has(key), all, key);
  };
  return walk(json, isAll, isAll);
}

function isRecord(value: Json): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tokens of an answer taken out; that a request asks for them stays. */
function tokenless(value: Json): Json {
  if (Array.isArray(value)) return value.length === 0 ? value : [];
  return isRecord(value) ? null : value;
}

/** A piece of a text that comes in pieces: which text, and where in the event it lies. */
export interface Delta {
  /** The same for all pieces of one text; begins with the choice, or the block. */
  readonly key: string;
  readonly text: string;
  readonly path: Path;
}

/** Returns the pieces of an event; none for an event that holds whole texts or none at all. */
export function deltasOf(json: JsonObject): Delta[] {
  if (Array.isArray(json.choices)) {
    return (json.choices as JsonObject[]).flatMap((choice, at) => choiceDeltas(choice, at));
  }
  if (Array.isArray(json.candidates)) {
    return (json.candidates as JsonObject[]).flatMap((candidate, at) =>
      piecesIn(candidate.content, ["candidates", at, "content"], String(candidate.index ?? at))
    );
  }
  const type = typeof json.type === "string" ? json.type : "";
  if (type === "content_block_delta") {
    return piecesIn(json.delta as Json, ["delta"], String(json.index));
  }
  // Sound is no text, and would be held back as one long word.
  if (type.endsWith(".delta") && typeof json.delta === "string" && !type.includes("audio.delta")) {
    const key = [type, json.item_id, json.output_index, json.content_index].join(" ");
    return [{ key, text: json.delta, path: ["delta"] }];
  }
  return [];
}

function choiceDeltas(choice: JsonObject, at: number): Delta[] {
  const name = String(choice.index ?? at);
  if (typeof choice.text === "string") {
    return [{ key: `${name} text`, text: choice.text, path: ["choices", at, "text"] }];
  }
  return piecesIn(choice.delta as Json, ["choices", at, "delta"], name);
}

/** The texts below a delta; items of a list are told apart by their own index, where they have one. */
function piecesIn(value: Json | undefined, path: Path, key: string): Delta[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, at) => {
      const index = (item as JsonObject | null)?.index ?? at;
      return piecesIn(item, [...path, at], `${key} ${String(index)}`);
    });
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([field, item]): Delta[] => {
    const place = [...path, field];
    if (typeof item !== "string") return piecesIn(item as Json, place, `${key} ${field}`);
    if (item === "" || !TEXT_KEYS.has(field)) return [];
    return [{ key: `${key} ${field}`, text: item, path: place }];
  });
}

/** Returns a copy of an event with its texts changed that are no pieces of longer ones, or undefined when none was. */
export function mapOthers(
  json: JsonObject,
  deltas: readonly Delta[],
  change: Change,
): JsonObject | undefined {
  const bare = deltas.reduce((now, { path }) => withText(now, path, ""), json);
  const changed = mapTexts(bare, (text, key) => text === "" ? "" : change(text, key));
  if (changed === undefined) return undefined;
  return deltas.reduce((now, { path, text }) => withText(now, path, text), changed);
}

/** Returns a message with another text at a place. */
export function withText(json: JsonObject, path: Path, text: string): JsonObject {
  return placed(json, path, text) as JsonObject;
}

function placed(value: Json, [first, ...rest]: Path, text: string): Json {
  if (first === undefined) return text;
  if (Array.isArray(value)) {
    return value.with(first as number, placed(value[first as number] as Json, rest, text));
  }
  const object = value as JsonObject;
  return { ...object, [first]: placed(object[first] as Json, rest, text) };
}

/**
 * Returns an event that holds nothing but one piece: the form of another one, without what was said there already. Of
 * choices and calls their index stays.
 */
export function onlyText(json: JsonObject, path: Path, text: string): JsonObject {
  const [root = "", ...rest] = path;
  const { usage: _, ...head } = json;
  return { ...head, [root]: bare(json[root] as Json, rest, text) };
}

function bare(value: Json, [first, ...rest]: Path, text: string): Json {
  if (first === undefined) return text;
  if (Array.isArray(value)) return [bare(value[first as number] as Json, rest, text)];
  const object = (value ?? {}) as JsonObject;
  return {
    ...(object.index !== undefined && { index: object.index }),
    // A part of a message says what it is each time.
    ...(typeof object.type === "string" && { type: object.type }),
    [first]: bare(object[first] as Json, rest, text),
    ...("finish_reason" in object && { finish_reason: null }),
  };
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
  if (Array.isArray(json.candidates)) {
    const done = (json.candidates as JsonObject[])
      .flatMap((one, at) => one.finishReason ? [`${String(one.index ?? at)} `] : []);
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
