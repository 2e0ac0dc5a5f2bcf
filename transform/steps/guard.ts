/** The step `guard`: words, a webhook or a moderation service say whether a text may pass. */
import { isJsonText, unescaped } from "../detect/unescaped.ts";
import {
  type AnswerHandler,
  type JsonObject,
  type OwnAnswer,
  type Step,
  StepFailure,
  type StreamedEvent,
  withData,
  withJson,
} from "../exchange.ts";
import {
  type Change,
  deltasOf,
  endsTexts,
  mapOthers,
  mapPlain,
  mapTexts,
  onlyText,
  type Path,
  withText,
} from "../texts.ts";
import type { StepFile } from "../transform_schema.ts";
import { type Check, checksOf, type GuardSurroundings } from "./guard_checks.ts";
import { inScope, isFor } from "./when.ts";

type Settings = NonNullable<StepFile["guard"]>;

/** Ends of sentences, after which a text that streams is checked and let go. */
const SENTENCE = /[.!?\n…。！？]["')\]]*(?=\s|$)/g;

/** Returns the step. A check that cannot be made refuses, unless the file says that it passes. */
export async function guardStep(
  settings: Settings,
  surroundings: GuardSurroundings,
): Promise<Step> {
  const input = settings.input && await checksOf(settings.input, "input", surroundings);
  const output = settings.output && await checksOf(settings.output, "output", surroundings);
  const window = settings.output?.window ?? "sentence";
  return checkingStep({ when: settings.when, input, output, window });
}

/** Returns a step of Presidio's: what it finds in requests and answers becomes a tag, in streams sentence by sentence. */
export function presidioStep(
  { when, in: places }: Pick<NonNullable<StepFile["redact"]>, "when" | "in">,
  check: Check,
): Step {
  return checkingStep({
    when,
    input: places.includes("request") ? check : undefined,
    output: places.includes("response") ? check : undefined,
    window: "sentence",
  });
}

interface Checking {
  readonly when: Settings["when"];
  readonly input: Check | undefined;
  readonly output: Check | undefined;
  readonly window: "sentence" | "whole";
}

function checkingStep({ when, input, output, window }: Checking): Step {
  return {
    mustRead: (draft) => input !== undefined && inScope(when, draft),
    async request(draft) {
      if (draft.json === undefined || !isFor(when, draft)) return undefined;
      const about = { requestId: draft.requestId, tenant: draft.tenant, model: draft.model };
      if (input !== undefined) {
        const { json } = draft;
        const verdict = await input(shownTexts((change) => mapTexts(json, change)), about);
        if ("refused" in verdict) return { answer: refused(verdict.refused) };
        const masked = mapTexts(json, masking(verdict.texts));
        if (masked !== undefined) {
          Object.assign(draft.json, masked);
          draft.changed = true;
        }
      }
      if (output === undefined) return undefined;
      return { handler: guarding((texts) => output(texts, about), window) };
    },
  };
}

function refused(reason: string): OwnAnswer {
  return {
    status: 400,
    details: "content_filter",
    body: {
      message: `The request was refused by a guard: ${reason}`,
      type: "invalid_request_error",
      code: "content_filter",
    },
  };
}

/** Returns a text as a guard gets it: arguments are JSON, whose escapes say characters. */
function shown(text: string, key: string): string {
  return isJsonText(key) ? unescaped(text) : text;
}

/** The texts of a message as a guard gets them, in the order of {@linkcode masking}. */
function shownTexts(visit: (change: Change) => unknown): string[] {
  const texts: string[] = [];
  visit((text, key) => {
    texts.push(shown(text, key));
    return text;
  });
  return texts;
}

/** Puts texts that a guard gave back in the place of those that it got; what it left stays as it was written. */
function masking(texts: readonly string[]): Change {
  let at = 0;
  return (text, key) => {
    const next = texts[at++] ?? text;
    return next === shown(text, key) ? text : next;
  };
}

function guarding(
  check: (texts: readonly string[]) => ReturnType<Check>,
  window: "sentence" | "whole",
): AnswerHandler {
  const gates = new Map<string, Gate>();
  const choices = new Set<number>();
  let isBlocked = false;
  /** The response as an event told it last: the one that ends it has its id. */
  let response: JsonObject = {};
  const gateOf = (key: string) => {
    const gate = gates.get(key) ?? new Gate(window);
    gates.set(key, gate);
    return gate;
  };
  const block = (event: StreamedEvent): StreamedEvent[] => {
    isBlocked = true;
    return endings(event, choices, response);
  };
  /** A text as it may be let go behind what was let go before it; undefined for one that may not. */
  const passing = async (key: string, gate: Gate, text: string): Promise<string | undefined> => {
    if (text === "") return text;
    const before = shown(gate.before, key);
    const now = shown(text, key);
    const as = (masked: string) => masked === now ? text : masked;
    const verdict = await check([before + now]);
    if ("refused" in verdict) return undefined;
    const [masked = ""] = verdict.texts;
    if (masked.startsWith(before)) return as(masked.slice(before.length));
    // What is masked began before: of that nothing can be taken back.
    const alone = await check([now]);
    return "refused" in alone ? undefined : as(alone.texts[0] ?? now);
  };
  /** Checks texts that a message holds whole; returns how each is changed, or undefined where one may not pass. */
  const changeOf = async (visit: (change: Change) => unknown): Promise<Change | undefined> => {
    const texts = shownTexts(visit);
    if (texts.every((text) => text === "")) return (text) => text;
    const verdict = await check(texts);
    return "refused" in verdict ? undefined : masking(verdict.texts);
  };

  return {
    mustRead: true,
    async whole(json, { status }) {
      if (status !== 200) return undefined;
      const change = await changeOf((visit) => mapTexts(json, visit));
      return change === undefined ? withoutContent(json) : mapTexts(json, change);
    },
    async plain(text) {
      const change = await changeOf((visit) => mapPlain(text, visit));
      return change === undefined ? "" : mapPlain(text, change);
    },
    async event(event) {
      if (isBlocked) return [];
      const { json } = event;
      const deltas = json === undefined ? [] : deltasOf(json);
      for (const { index } of (json?.choices ?? []) as JsonObject[]) {
        choices.add(Number(index ?? 0));
      }
      const { response: said } = json ?? {};
      if (typeof said === "object" && said !== null) response = said as JsonObject;
      let now = event;
      // Texts that an event says whole, such as the copy at the end of a text, span sentences.
      const mapWhole = (change: Change) =>
        json === undefined ? mapPlain(event.data, change) : mapOthers(json, deltas, change);
      if (event.data !== "[DONE]") {
        const change = await changeOf(mapWhole);
        if (change === undefined) return block(event);
        const next = mapWhole(change);
        if (typeof next === "object") now = withJson(event, next);
        else if (next !== undefined && next !== event.data) now = withData(event, next);
      }
      for (const { key, text: piece, path } of deltas) {
        const gate = gateOf(key);
        const text = await passing(key, gate, gate.push(piece, event, path));
        if (text === undefined) return block(event);
        gate.passed(text);
        if (text !== piece) now = withJson(now, withText(now.json ?? {}, path, text));
      }
      const isOver = endsTexts(event);
      if (isOver === undefined) return now === event ? undefined : [now];
      const rest: StreamedEvent[] = [];
      for (const [key, gate] of gates) {
        if (!isOver(key)) continue;
        gates.delete(key);
        const last = gate.rest();
        if (last === undefined) continue;
        const text = await passing(key, gate, last.text);
        if (text === undefined) return block(event);
        rest.push(last.form(text));
      }
      return rest.length === 0 && now === event ? undefined : [...rest, now];
    },
    async end() {
      if (isBlocked) return [];
      const rest: StreamedEvent[] = [];
      for (const [key, gate] of gates) {
        const last = gate.rest();
        if (last === undefined) continue;
        const text = await passing(key, gate, last.text);
        if (text === undefined) return block(last.form(""));
        rest.push(last.form(text));
      }
      return rest;
    },
  };
}

/** Characters that are checked once more in front of the next sentence: what is refused may span both. */
const OVERLAP = 200;

/** A text without the end of a sentence is checked every so many characters. */
const LONG = 4_000;

/** Holds a text back until a sentence of it is whole. */
class Gate {
  readonly #window: "sentence" | "whole";
  #held = "";
  #before = "";
  #form: ((text: string) => StreamedEvent) | undefined;

  constructor(window: "sentence" | "whole") {
    this.#window = window;
  }

  /** The end of what was let go. */
  get before(): string {
    return this.#before;
  }

  /** Adds a piece; returns the text that can be checked now. */
  push(piece: string, event: StreamedEvent, path: Path): string {
    this.#held += piece;
    this.#form = (text) => withJson(event, onlyText(event.json ?? {}, path, text));
    if (this.#window === "whole") return "";
    const end = [...this.#held.matchAll(SENTENCE)].at(-1);
    const cut = end === undefined
      ? this.#held.length > LONG ? this.#held.lastIndexOf(" ") + 1 : 0
      : end.index + end[0].length;
    const text = this.#held.slice(0, cut);
    this.#held = this.#held.slice(cut);
    return text;
  }

  /** Notes what was let go. */
  passed(text: string): void {
    this.#before = (this.#before + text).slice(-OVERLAP);
  }

  /** Returns what is left, and what makes an event of its own of it. */
  rest(): { text: string; form: (text: string) => StreamedEvent } | undefined {
    if (this.#held === "" || this.#form === undefined) return undefined;
    const text = this.#held;
    this.#held = "";
    return { text, form: this.#form };
  }
}

const DONE: StreamedEvent = { fields: [["data", "[DONE]"]], data: "[DONE]", json: undefined };

/** The end of a stream that a guard cut: a reason, and the stream's own ending, in its own dialect. */
function endings(
  event: StreamedEvent,
  seen: ReadonlySet<number>,
  response: JsonObject,
): StreamedEvent[] {
  const { json = {} } = event;
  if (Array.isArray(json.choices)) {
    const { usage: _, ...rest } = json;
    const choices = [...seen].sort((a, b) => a - b).map((index) => ({
      index,
      delta: {},
      finish_reason: "content_filter",
    }));
    return [{ ...withJson(event, { ...rest, choices }) }, DONE];
  }
  if (Array.isArray(json.candidates)) {
    const candidates = (json.candidates as JsonObject[]).map(blockedCandidate);
    return [withJson(event, { ...json, candidates })];
  }
  const type = typeof json.type === "string" ? json.type : "";
  if (type.startsWith("response.")) {
    const { sequence_number } = json;
    return [named({
      type: "response.incomplete",
      ...(sequence_number !== undefined && { sequence_number }),
      response: { ...response, ...INCOMPLETE },
    })];
  }
  if (type.startsWith("content_block") || type.startsWith("message")) {
    const { index } = json;
    return [
      ...(index === undefined ? [] : [named({ type: "content_block_stop", index })]),
      named({ type: "message_delta", delta: { stop_reason: "refusal", stop_sequence: null } }),
      named({ type: "message_stop" }),
    ];
  }
  throw new StepFailure("guard_refused", "A guard refused the answer while it streamed");
}

/** A response that was cut by a guard (OpenAI API reference, Responses). */
const INCOMPLETE: JsonObject = {
  status: "incomplete",
  incomplete_details: { reason: "content_filter" },
  output: [],
};

/** An event that bears its type's name, as Responses and Messages write them. */
function named(json: JsonObject): StreamedEvent {
  const data = JSON.stringify(json);
  return { fields: [["event", String(json.type)], ["data", data]], data, json };
}

/** A candidate of Gemini's without its content (Gemini API reference, FinishReason). */
function blockedCandidate({ index }: JsonObject): JsonObject {
  return {
    ...(index !== undefined && { index }),
    content: { role: "model", parts: [] },
    finishReason: "SAFETY",
  };
}

/** A whole answer with its content taken out. */
function withoutContent(json: JsonObject): JsonObject {
  if (Array.isArray(json.choices)) {
    return {
      ...json,
      choices: (json.choices as JsonObject[]).map((choice) => ({
        index: choice.index ?? 0,
        ...("text" in choice ? { text: "" } : { message: { role: "assistant", content: "" } }),
        finish_reason: "content_filter",
      })),
    };
  }
  if (Array.isArray(json.candidates)) {
    return { ...json, candidates: (json.candidates as JsonObject[]).map(blockedCandidate) };
  }
  if (json.object === "response") return { ...json, ...INCOMPLETE };
  if (json.type === "message") return { ...json, content: [], stop_reason: "refusal" };
  throw new StepFailure("guard_refused", "A guard refused the answer");
}
