/** Turns of a model, in the words of the API that the mock upstream is asked in. */
import type { Upstream, UpstreamStep } from "../../upstream/mod.ts";

/** Actions of the model in one turn. */
export interface ModelTurn {
  readonly text?: string;
  readonly call?: { readonly name: string; readonly arguments: object };
  /** Ends the connection after the first piece, without a word. */
  readonly cut?: true;
}

/** How a turn is written. */
export type Dialect = (turn: ModelTurn) => UpstreamStep[];

/** How long an agent may take to its next request. */
const DEADLINE_MS = 60_000;

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

/** Anthropic's Messages, which pass through the base profile as they are. */
export const messages: Dialect = ({ text, call, cut }) => {
  const event = (type: string, fields: object): UpstreamStep => ({
    event: { event: type, data: { type, ...fields } },
  });
  const block = call
    ? { type: "tool_use", id: "toolu_1", name: call.name, input: {} }
    : { type: "text", text: "" };
  const delta = call
    ? { type: "input_json_delta", partial_json: JSON.stringify(call.arguments) }
    : { type: "text_delta", text };
  const usage = { input_tokens: 3, output_tokens: 2 };
  const message = { id: "msg_1", type: "message", role: "assistant", model: "m", content: [] };
  const steps = [
    HEAD,
    event("message_start", { message: { ...message, stop_reason: null, usage } }),
    event("content_block_start", { index: 0, content_block: block }),
    event("content_block_delta", { index: 0, delta }),
  ];
  if (cut) return [...steps, { abort: "fin" }];
  return [
    ...steps,
    event("content_block_stop", { index: 0 }),
    event("message_delta", {
      delta: { stop_reason: call ? "tool_use" : "end_turn", stop_sequence: null },
      usage,
    }),
    event("message_stop", {}),
    { end: true },
  ];
};

/** The name of the script that the agents' requests ask for. */
export const TURN_SCRIPT = "turn";

/** The header that asks for it. */
export const TURN_HEADERS = { "x-mock-script": TURN_SCRIPT };

/** Lets the model take these turns, one for each request. Resolves when all of them have been asked for. */
export async function play(
  mock: Upstream,
  dialect: Dialect,
  [first, ...rest]: readonly ModelTurn[],
): Promise<void> {
  if (first === undefined) return;
  const barrier = `turn-${rest.length}`;
  mock.scripts.set(TURN_SCRIPT, { steps: [{ barrier }, ...dialect(first)] });
  await mock.barriers.arrival(`${TURN_SCRIPT}/${barrier}`, { deadlineMs: DEADLINE_MS });
  // The next turn is there before this one is told.
  const after = play(mock, dialect, rest);
  mock.barriers.release(`${TURN_SCRIPT}/${barrier}`);
  await after;
}
