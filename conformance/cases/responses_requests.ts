/** Requests of the cases of a Responses gateway, and readers of its answers. */
import type { Case } from "../case.ts";
import type { Exchange } from "../client/exchange.ts";
import { jsonOf, type ReceivedEvent, type Transcript } from "../client/transcript.ts";
import type { CaseContext, ChatOptions } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { STREAM_HEAD } from "./shapes.ts";

export const API = "OpenAI API reference: Responses";
export const STREAMING = "OpenAI API reference: Responses, streaming events";
export const STATE = "OpenAI API reference: Conversations; conversation state";

export const TENANCY = "Project: everything belongs to the tenant that policy vouches for";

const RESPONSES = "/v1/responses";

/** JSON whose shape is what a case checks. */
// deno-lint-ignore no-explicit-any -- see above
export type Json = any;

/** A case of the group. The gateway answers much by itself, and asks the model in its own words. */
export function answered(one: Omit<Case, "control"> & Partial<Pick<Case, "control">>): Case {
  const why = "A Responses gateway answers itself what it keeps";
  return {
    control: "none",
    feature: "responses",
    ...one,
    run(t) {
      t.excuse("agree.answer-has-a-source", why);
      t.excuse("agree.log-decision", why);
      return one.run(t);
    },
  };
}

/** A case about streams: an Envoy before 1.37 lets no processor stream an answer. */
export function streamed(one: Parameters<typeof answered>[0]): Case {
  return answered({ ...one, feature: "responses_stream" });
}

/** Returns a request for a response; `body` is put over model and input, `undefined` leaves out. */
export function creation(t: CaseContext, body: Json = {}, more: ChatOptions = {}): ChatOptions {
  return {
    path: RESPONSES,
    body: JSON.stringify({ model: t.target.model, input: "ping", ...body }),
    ...more,
  };
}

/** Asks for a response, checks that it is one, and returns it. */
export async function create(t: CaseContext, body: Json = {}): Promise<Json> {
  const transcript = await t.ask(creation(t, body));
  t.equal("status of the creation", 200, transcript.head?.status);
  return jsonOf(transcript) ?? {};
}

/** Sends a request about what is kept. */
export async function call(
  t: CaseContext,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number | undefined; json: Json }> {
  const transcript = await t.ask({
    method,
    path,
    ...(body === undefined
      ? { framing: "none" as const, ...(method === "GET" ? {} : { body: "" }) }
      : { body: JSON.stringify(body) }),
  });
  return { status: transcript.head?.status, json: jsonOf(transcript) };
}

/** Path of a response, or of what belongs to it. */
export function pathOf({ id }: Json, part = ""): string {
  return `${RESPONSES}/${encodeURIComponent(String(id))}${part}`;
}

/** Text of every output message. */
export function textOf(response: Json): string {
  return (response?.output ?? [])
    .filter(({ type }: Json) => type === "message")
    .flatMap(({ content }: Json) => content ?? [])
    .map(({ text }: Json) => text ?? "")
    .join("");
}

/** Checks a refusal: its status and OpenAI's shape. */
export function refused(
  t: CaseContext,
  transcript: Transcript,
  expected: readonly number[],
  name = "refusal",
): void {
  const error = jsonOf(transcript)?.error;
  t.oneOf(`${name}: status`, expected, transcript.head?.status);
  t.equal(`${name}: error.message is text`, "string", typeof error?.message);
  t.equal(`${name}: error.type is text`, "string", typeof error?.type);
}

/** The events of a stream as JSON; a line that is none is undefined. */
export function eventsOf({ events }: Transcript): Json[] {
  return events.map(parsed);
}

/** Resolves with the first event of a type that satisfies the predicate. */
export function eventAt(
  exchange: Exchange,
  type: string,
  is: (event: Json) => boolean = () => true,
): Promise<Json> {
  return exchange.until(
    `event ${type}`,
    () => exchange.transcript.events.map(parsed).find((one) => one?.type === type && is(one)),
  );
}

function parsed({ data }: ReceivedEvent): Json {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

/** A chunk of the model's stream, as Chat Completions servers send it. */
export function modelChunk(delta: object, finish: string | null = null): UpstreamStep {
  return {
    event: {
      data: {
        id: "chatcmpl-case",
        object: "chat.completion.chunk",
        created: 1,
        model: "mock",
        choices: [{ index: 0, delta, finish_reason: finish }],
      },
    },
  };
}

/** A whole stream of the model; `finish` is the reason why it ends. */
export function modelStream(deltas: readonly object[], finish: string): UpstreamStep[] {
  return [
    STREAM_HEAD,
    ...deltas.map((delta) => modelChunk(delta)),
    modelChunk({}, finish),
    {
      event: {
        data: {
          id: "chatcmpl-case",
          object: "chat.completion.chunk",
          created: 1,
          model: "mock",
          choices: [],
          usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
        },
      },
    },
    { event: { data: "[DONE]" } },
    { end: true },
  ];
}
