/** Chat answers that cases put into the upstream's mouth, and how they are read at the client. */
import { jsonOf, textOf, type Transcript } from "../client/transcript.ts";
import type { UpstreamStep } from "../target.ts";
import { jsonAnswer, ODD_JSON, STREAM_HEAD } from "./shapes.ts";

/** A body that only byte-exact passing survives, and that every reader reads alike: no key stands twice. */
export const ODD_REQUEST = ODD_JSON.replace('"zzz" :2', '"yyy" :2');

/** Usage that a stream tells; no gateway has to change it. */
export const USAGE = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };

/** Returns the body of a whole answer. */
export function completion(
  message: Record<string, unknown>,
  { finish = "stop", more = [] }: { finish?: string; more?: readonly object[] } = {},
): string {
  return JSON.stringify({
    id: "chatcmpl-case",
    object: "chat.completion",
    created: 1,
    model: "mock",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: null, ...message },
        finish_reason: finish,
      },
      ...more,
    ],
    usage: USAGE,
  });
}

/** Returns the steps of a whole answer that says `content`. */
export function says(content: string): UpstreamStep[] {
  return jsonAnswer(completion({ content }));
}

/** Returns one chunk of a stream as its event. */
export function chunk(
  delta: Record<string, unknown>,
  { index = 0, finish = null, ...rest }: {
    index?: number;
    finish?: string | null;
    usage?: object;
  } = {},
): UpstreamStep {
  return {
    event: {
      data: {
        id: "chatcmpl-case",
        object: "chat.completion.chunk",
        created: 1,
        model: "mock",
        choices: [{ index, delta, finish_reason: finish }],
        ...rest,
      },
    },
  };
}

const DONE: UpstreamStep = { event: { data: "[DONE]" } };

/** Returns the steps of a stream: these chunks, then its end. */
export function streams(
  chunks: readonly UpstreamStep[],
  { finish = "stop" }: { finish?: string } = {},
): UpstreamStep[] {
  return [
    STREAM_HEAD,
    chunk({ role: "assistant", content: "" }),
    ...chunks,
    chunk({}, { finish }),
    DONE,
    { end: true },
  ];
}

/** Returns the steps of a stream whose content comes in these pieces. */
export function streamsPieces(...pieces: readonly string[]): UpstreamStep[] {
  return streams(pieces.map((content) => chunk({ content })));
}

/** One choice of an answer as the client got it. */
export interface Heard {
  content: string;
  /** The arguments of its tool calls, by index. */
  readonly calls: string[];
  /** Every reason to finish, in order. */
  readonly finish: string[];
}

/** An answer as the client got it, whole or streamed. */
export interface HeardAnswer {
  /** By index; none for what is no chat answer. */
  readonly choices: Heard[];
  /** Terminators. */
  readonly done: number;
  readonly usage: unknown;
}

// deno-lint-ignore no-explicit-any -- an answer of whatever shape
type Value = any;

/** Reads an answer, whatever its shape. */
export function heard(transcript: Transcript): HeardAnswer {
  const whole = jsonOf(transcript);
  const chunks: Value[] = whole === undefined
    ? transcript.events.flatMap(({ data }) => parsed(data))
    : [whole];
  const choices: Heard[] = [];
  let usage: unknown;
  for (const one of chunks) {
    usage = one?.usage ?? usage;
    for (const choice of Array.isArray(one?.choices) ? one.choices : []) {
      const known = choices[choice.index ?? 0] ??= { content: "", calls: [], finish: [] };
      const said = choice.message ?? choice.delta ?? {};
      known.content += said.content ?? "";
      for (const [at, call] of (said.tool_calls ?? []).entries()) {
        const index = call.index ?? at;
        known.calls[index] = (known.calls[index] ?? "") + (call.function?.arguments ?? "");
      }
      if (choice.finish_reason) known.finish.push(choice.finish_reason);
    }
  }
  const done = transcript.events.filter(({ data }) => data === "[DONE]").length;
  return { choices, done, usage };
}

/** Everything that was said, one choice after another; the raw body where it is no chat answer. */
export function wordsOf(transcript: Transcript): string {
  const { choices } = heard(transcript);
  const words = choices.flatMap(({ content, calls }) => [content, ...calls]).join("\n");
  return `${words}\n${textOf(transcript)}`;
}

function parsed(data: string): Value[] {
  try {
    return [JSON.parse(data)];
  } catch {
    return [];
  }
}

/** Every cut of a text in two. */
export function cutsOf(text: string): [string, string][] {
  return Array.from({ length: text.length - 1 }, (_, at) => [
    text.slice(0, at + 1),
    text.slice(at + 1),
  ]);
}
