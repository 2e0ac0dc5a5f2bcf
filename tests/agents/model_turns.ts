/** Turns of a model, in the words of the API that the mock upstream is asked in. */
import type { UpstreamStep } from "../../upstream/mod.ts";

/** What the model does in one turn. */
export interface ModelTurn {
  readonly text?: string;
  readonly call?: { readonly name: string; readonly arguments: object };
  /** Ends the connection after the first piece, without a word. */
  readonly cut?: true;
}

/** How a turn is written. */
export type Dialect = (turn: ModelTurn) => UpstreamStep[];

const HEAD: UpstreamStep = { headers: { headers: { "content-type": "text/event-stream" } } };

/** Chat completions: what the Responses gateway asks its model in. */
export const chat: Dialect = ({ text, call, cut }) => {
  const chunk = (delta: object, finish_reason: string | null = null): UpstreamStep => ({
    event: { data: { choices: [{ index: 0, delta, finish_reason }] } },
  });
  const tool_calls = call && [{
    index: 0,
    id: "call_1",
    type: "function",
    function: { name: call.name, arguments: JSON.stringify(call.arguments) },
  }];
  const steps = [HEAD, chunk(call ? { tool_calls } : { content: text })];
  if (cut) return [...steps, { abort: "fin" }];
  const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
  return [
    ...steps,
    chunk({}, call ? "tool_calls" : "stop"),
    { event: { data: { choices: [], usage } } },
    { event: { data: "[DONE]" } },
    { end: true },
  ];
};

/** Responses: what passes through the base profile as it is. */
export const responses: Dialect = ({ text, call, cut }) => {
  const event = (type: string, fields: object): UpstreamStep => ({
    event: { event: type, data: { type, ...fields } },
  });
  const item = call
    ? {
      type: "function_call",
      id: "fc_1",
      call_id: "call_1",
      name: call.name,
      arguments: JSON.stringify(call.arguments),
    }
    : {
      type: "message",
      id: "msg_1",
      role: "assistant",
      content: [{ type: "output_text", text, annotations: [] }],
    };
  const response = { id: "resp_1", object: "response", output: [] };
  const steps = [HEAD, event("response.created", { response })];
  if (cut) return [...steps, { abort: "fin" }];
  const usage = {
    input_tokens: 3,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 2,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 5,
  };
  return [
    ...steps,
    event("response.output_item.done", { output_index: 0, item }),
    event("response.completed", {
      response: { ...response, status: "completed", output: [item], usage },
    }),
    { end: true },
  ];
};
