/** The step `guard`: words, a webhook or a moderation service say whether a text may pass. */
import {
  type AnswerHandler,
  type JsonObject,
  type OwnAnswer,
  type Step,
  StepFailure,
  type StreamedEvent,
  withJson,
} from "../exchange.ts";
import { deltasOf, endsTexts, textsOf } from "../texts.ts";
import type { StepFile } from "../transform_schema.ts";
import { type Check, checksOf, type GuardSurroundings } from "./guard_checks.ts";
import { isFor } from "./when.ts";

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
  return {
    async request(draft) {
      if (draft.json === undefined || !isFor(settings.when, draft)) return undefined;
      const about = { requestId: draft.requestId, tenant: draft.tenant, model: draft.model };
      if (input !== undefined) {
        const reason = await input(textsOf(draft.json), about);
        if (reason !== undefined) return { answer: refused(reason) };
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

function guarding(
  check: (texts: readonly string[]) => ReturnType<Check>,
  window: "sentence" | "whole",
): AnswerHandler {
  const gates = new Map<string, Gate>();
  let isBlocked = false;
  const gateOf = (key: string) => {
    const gate = gates.get(key) ?? new Gate(window);
    gates.set(key, gate);
    return gate;
  };

  const block = (event: StreamedEvent): StreamedEvent[] => {
    isBlocked = true;
    return endings(event);
  };

  return {
    mustRead: true,
    async whole(json, { status }) {
      if (status !== 200) return undefined;
      return await check(textsOf(json)) === undefined ? undefined : withoutContent(json);
    },
    async event(event) {
      if (isBlocked) return [];
      const { json } = event;
      let now = event;
      for (const { key } of json === undefined ? [] : deltasOf(json)) {
        const delta = deltasOf(now.json ?? {}).find((one) => one.key === key);
        if (delta === undefined) continue;
        const text = gateOf(key).push(delta.text, now, delta.with);
        if (text !== "" && await check([text]) !== undefined) return block(event);
        if (text !== delta.text) now = withJson(now, delta.with(text));
      }
      const isOver = endsTexts(event);
      if (isOver === undefined) return now === event ? undefined : [now];
      const rest: StreamedEvent[] = [];
      for (const [key, gate] of gates) {
        if (!isOver(key)) continue;
        gates.delete(key);
        const last = gate.rest();
        if (last === undefined) continue;
        if (await check([last.text]) !== undefined) return block(event);
        rest.push(last.event);
      }
      return rest.length === 0 && now === event ? undefined : [...rest, now];
    },
  };
}

/** Holds a text back until a sentence of it is whole. */
class Gate {
  readonly #window: "sentence" | "whole";
  #held = "";
  #form: ((text: string) => StreamedEvent) | undefined;

  constructor(window: "sentence" | "whole") {
    this.#window = window;
  }

  /** Adds a piece; returns the text that can be checked now. */
  push(piece: string, event: StreamedEvent, form: (text: string) => JsonObject): string {
    this.#held += piece;
    this.#form = (text) => withJson(event, form(text));
    if (this.#window === "whole") return "";
    const end = [...this.#held.matchAll(SENTENCE)].at(-1);
    if (end === undefined) return "";
    const cut = end.index + end[0].length;
    const text = this.#held.slice(0, cut);
    this.#held = this.#held.slice(cut);
    return text;
  }

  /** Returns what is left, as an event of its own. */
  rest(): { text: string; event: StreamedEvent } | undefined {
    if (this.#held === "" || this.#form === undefined) return undefined;
    const text = this.#held;
    this.#held = "";
    return { text, event: this.#form(text) };
  }
}

/** The end of a stream that a guard cut: a reason, and the stream's own ending. */
function endings(event: StreamedEvent): StreamedEvent[] {
  const { json } = event;
  const done: StreamedEvent = { fields: [["data", "[DONE]"]], data: "[DONE]", json: undefined };
  if (json === undefined || !Array.isArray(json.choices)) {
    throw new StepFailure("guard_refused", "A guard refused the answer while it streamed");
  }
  const { usage: _, ...rest } = json;
  const choices = (json.choices as JsonObject[]).map(({ index }) => ({
    index: index ?? 0,
    delta: {},
    finish_reason: "content_filter",
  }));
  return [withJson(event, { ...rest, choices }), done];
}

/** A whole answer with its content taken out. */
function withoutContent(json: JsonObject): JsonObject {
  if (!Array.isArray(json.choices)) {
    throw new StepFailure("guard_refused", "A guard refused the answer");
  }
  return {
    ...json,
    choices: (json.choices as JsonObject[]).map((choice) => ({
      ...choice,
      message: { role: "assistant", content: "" },
      finish_reason: "content_filter",
    })),
  };
}
