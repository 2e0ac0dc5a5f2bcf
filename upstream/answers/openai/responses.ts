/** `POST /v1/responses` (API reference, "Responses" and "Streaming events"). */
import { formatSseEvent } from "../../../openai/mod.ts";
import { StreamEvent } from "../../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, reply } from "../answer.ts";
import { callId, type ChoicePlan, fragmentsOf, type PlanUsage } from "../plan.ts";
import { plansOf } from "../plans.ts";
import type { Random } from "../random.ts";
import {
  askOfResponses,
  parseResponsesRequest,
  type ResponsesRequest,
} from "./responses_request.ts";

/** One output item of a response. */
type Item = Record<string, unknown> & { readonly type: string; readonly id: string };

/** Answers a request for a response, whole or as events. */
export function responses(call: EndpointCall): Answer {
  const request = parseResponsesRequest(call.body);
  checkModel(request.model, call);
  const { random } = call;
  const { plans: [plan], usage } = plansOf(askOfResponses(request), call) as {
    plans: [ChoicePlan];
    usage: PlanUsage;
  };
  const head = headOf(request, random);
  const items = itemsOf(plan, random);
  const reason = INCOMPLETE[plan.end];
  const final = {
    ...head,
    status: reason === undefined ? "completed" : "incomplete",
    incomplete_details: reason === undefined ? null : { reason },
    output: items,
    usage: {
      input_tokens: usage.input,
      input_tokens_details: { cached_tokens: usage.cached },
      output_tokens: usage.output,
      output_tokens_details: { reasoning_tokens: usage.reasoning },
      total_tokens: usage.input + usage.output,
    },
  };
  if (!request.stream) return reply(final, usage);
  const running = {
    ...head,
    status: "in_progress",
    incomplete_details: null,
    output: [],
    usage: null,
  };
  return { kind: "events", events: numbered(sequence({ running, final, items, plan })), usage };
}

/** Why a response is incomplete, by how its answer ended (API reference, `incomplete_details`). */
const INCOMPLETE: Readonly<Record<string, string>> = {
  length: "max_output_tokens",
  content_filter: "content_filter",
};

function headOf(request: ResponsesRequest, random: Random) {
  return {
    id: `resp_${random.hex(48)}`,
    object: "response",
    created_at: createdOf(random),
    error: null,
    instructions: request.instructions ?? null,
    max_output_tokens: request.max_output_tokens ?? null,
    metadata: request.metadata ?? {},
    model: request.model,
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    previous_response_id: request.previous_response_id ?? null,
    reasoning: { effort: request.reasoning?.effort ?? null, summary: null },
    store: false,
    temperature: 1,
    text: { format: request.text?.format ?? { type: "text" } },
    tool_choice: request.tool_choice ?? "auto",
    tools: request.tools ?? [],
    top_p: 1,
    truncation: "disabled",
    user: null,
  };
}

function itemsOf(plan: ChoicePlan, random: Random): Item[] {
  const items: Item[] = [];
  const status = INCOMPLETE[plan.end] ? "incomplete" : "completed";
  if (plan.reasoning.length > 0) {
    const summary = [{ type: "summary_text", text: plan.reasoning.join("") }];
    items.push({ type: "reasoning", id: `rs_${random.hex(48)}`, summary });
  }
  if (plan.content || plan.refusal) {
    items.push({
      type: "message",
      id: `msg_${random.hex(48)}`,
      status,
      role: "assistant",
      content: plan.refusal ? [refusalPart(plan.refusal)] : [textPart(plan.content ?? [])],
    });
  }
  for (const call of plan.calls) {
    const { name, input } = call;
    const called = { status, call_id: callId(call, "call_"), name };
    items.push(
      call.kind === "function"
        ? { type: "function_call", id: `fc_${random.hex(48)}`, ...called, arguments: input }
        : { type: "custom_tool_call", id: `ctc_${random.hex(48)}`, ...called, input },
    );
  }
  return items;
}

interface Part extends Record<string, unknown> {
  readonly type: string;
  readonly wait?: "first" | "next";
}

/** Writes events with their rising `sequence_number`. */
function* numbered(parts: Iterable<Part>): Generator<StreamEvent> {
  let sequence_number = 0;
  for (const { wait, type, ...fields } of parts) {
    const data = { type, sequence_number: sequence_number++, ...fields };
    yield new StreamEvent(formatSseEvent({ event: type, data }), wait);
  }
}

function* sequence(
  options: { running: object; final: { status: string }; items: Item[]; plan: ChoicePlan },
): Generator<Part> {
  const { running, final, items, plan } = options;
  yield { type: "response.created", response: running };
  yield { type: "response.in_progress", response: running };
  let first = true;
  for (const [output_index, item] of items.entries()) {
    const place = { item_id: item.id, output_index };
    const parts = item.type === "reasoning"
      ? reasoningEvents(item, plan, place)
      : item.type === "message"
      ? messageEvents(item, plan, place)
      : callEvents(item, place);
    for (const part of parts) {
      const wait = part.wait && first ? "first" : part.wait;
      if (part.wait) first = false;
      yield { ...part, ...(wait ? { wait } : {}) };
    }
    yield { type: "response.output_item.done", output_index, item };
  }
  yield { type: `response.${final.status}`, response: final };
}

interface Place {
  readonly item_id: string;
  readonly output_index: number;
}

function* reasoningEvents(item: Item, plan: ChoicePlan, place: Place): Generator<Part> {
  const { output_index } = place;
  const at = { ...place, summary_index: 0 };
  const text = plan.reasoning.join("");
  yield { type: "response.output_item.added", output_index, item: { ...item, summary: [] } };
  const part = (value: string) => ({ type: "summary_text", text: value });
  yield { type: "response.reasoning_summary_part.added", ...at, part: part("") };
  for (const delta of plan.reasoning) {
    yield { type: "response.reasoning_summary_text.delta", ...at, delta, wait: "next" };
  }
  yield { type: "response.reasoning_summary_text.done", ...at, text };
  yield { type: "response.reasoning_summary_part.done", ...at, part: part(text) };
}

function textPart(tokens: readonly string[]) {
  return { type: "output_text", text: tokens.join(""), annotations: [], logprobs: [] };
}

function refusalPart(tokens: readonly string[]) {
  return { type: "refusal", refusal: tokens.join("") };
}

function* messageEvents(item: Item, plan: ChoicePlan, place: Place): Generator<Part> {
  const { output_index } = place;
  const at = { ...place, content_index: 0 };
  const opened = { ...item, status: "in_progress", content: [] };
  yield { type: "response.output_item.added", output_index, item: opened };
  if (plan.refusal) {
    const refusal = plan.refusal.join("");
    yield { type: "response.content_part.added", ...at, part: refusalPart([]) };
    for (const delta of plan.refusal) {
      yield { type: "response.refusal.delta", ...at, delta, wait: "next" };
    }
    yield { type: "response.refusal.done", ...at, refusal };
    yield { type: "response.content_part.done", ...at, part: refusalPart(plan.refusal) };
    return;
  }
  const tokens = plan.content ?? [];
  yield { type: "response.content_part.added", ...at, part: textPart([]) };
  for (const delta of tokens) {
    yield { type: "response.output_text.delta", ...at, delta, logprobs: [], wait: "next" };
  }
  yield { type: "response.output_text.done", ...at, text: tokens.join(""), logprobs: [] };
  yield { type: "response.content_part.done", ...at, part: textPart(tokens) };
}

function* callEvents(item: Item, place: Place): Generator<Part> {
  const { output_index } = place;
  const custom = item.type === "custom_tool_call";
  const field = custom ? "input" : "arguments";
  const event = custom ? "custom_tool_call_input" : "function_call_arguments";
  const text = String(item[field]);
  const opened = { ...item, status: "in_progress", [field]: "" };
  yield { type: "response.output_item.added", output_index, item: opened };
  for (const delta of fragmentsOf(text)) {
    yield { type: `response.${event}.delta`, ...place, delta, wait: "next" };
  }
  const named = custom ? {} : { name: item.name };
  yield { type: `response.${event}.done`, ...place, ...named, [field]: text };
}
