/** The model behind a Responses gateway, for the cases of the group: its requests, and scripts for its answers. */
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { type Json, modelChunk } from "./responses_requests.ts";
import { jsonAnswer, STREAM_HEAD } from "./shapes.ts";

/** Returns the chat request that the model got in this context; the last one of several. */
export async function shown(t: CaseContext): Promise<Json> {
  await t.upstream.request("request at the model", ({ bodyText }) => bodyText !== undefined);
  const said = t.upstream.requests().findLast(({ bodyText }) => bodyText !== undefined);
  return JSON.parse(said?.bodyText ?? "null") ?? {};
}

/** Roles of the messages that the model was shown. */
export function rolesOf({ messages }: Json): string[] {
  return (messages ?? []).map(({ role }: Json) => role);
}

/** A whole answer of the model; `message` is put over an assistant's. */
export function modelAnswer(message: object, finish = "stop"): UpstreamStep[] {
  return jsonAnswer(JSON.stringify({
    id: "chatcmpl-case",
    object: "chat.completion",
    created: 1,
    model: "mock",
    choices: [{
      index: 0,
      message: { role: "assistant", content: null, ...message },
      finish_reason: finish,
    }],
    usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
  }));
}

/** A stream that is an error: after these deltas, or from its first event on. */
export function modelError(error: object, ...deltas: object[]): UpstreamStep[] {
  return [
    STREAM_HEAD,
    ...deltas.map((delta) => modelChunk(delta)),
    { event: { data: error } },
    { end: true },
  ];
}

/** One call in a delta, as servers stream it: any of its parts may be left out. */
export function callDelta(
  { index, id, name, args = "" }: { index?: number; id?: string; name?: string; args?: string },
): object {
  return {
    tool_calls: [{
      ...(index === undefined ? {} : { index }),
      ...(id === undefined ? {} : { id, type: "function" }),
      function: { ...(name === undefined ? {} : { name }), arguments: args },
    }],
  };
}

/** A function of the caller's. */
export function functionTool(name: string): Json {
  const parameters = { type: "object", properties: { city: { type: "string" } } };
  return { type: "function", name, parameters };
}
