import { z } from "zod";
import { type ChatMessage, type ChatRequest, formatSseEvent } from "../../openai/mod.ts";
import type { Random } from "./random.ts";
import { StreamEvent } from "../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, reply } from "./answer.ts";
import { argumentFragments, type ChoicePlan, planChoice, usageOf } from "./chat_plan.ts";
import { parseBody } from "./chat_request.ts";

const RESPONSES = z.looseObject({
  model: z.string().min(1),
  input: z.union([z.string(), z.array(z.looseObject({}))]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.number().int().min(1).nullish(),
  tools: z.array(z.looseObject({ type: z.string(), name: z.string().optional() })).nullish(),
  tool_choice: z.union([
    z.string(),
    z.looseObject({ type: z.string(), name: z.string().optional() }),
  ]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  text: z.looseObject({ format: z.looseObject({ type: z.string() }).nullish() }).nullish(),
  reasoning: z.looseObject({ effort: z.string().nullish() }).nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  previous_response_id: z.string().nullish(),
});

type Request = z.infer<typeof RESPONSES>;

/** One output item of a response. */
type Item = Record<string, unknown> & { readonly type: string; readonly id: string };

/** `POST /v1/responses` (API reference, "Responses" and "Streaming events"). */
export function responses(call: EndpointCall): Answer {
  const request = parseBody(RESPONSES, call.body);
  checkModel(request.model, call.models);
  const { random } = call;
  const chat = chatOf(request);
  const plan = planChoice(chat, { random, tokens: call.tokens });
  const head = headOf(request, random);
  const items = itemsOf(plan, random);
  const counted = usageOf(chat, [plan]);
  const short = plan.finish === "length";
  const final = {
    ...head,
    status: short ? "incomplete" : "completed",
    incomplete_details: short ? { reason: "max_output_tokens" } : null,
    output: items,
    usage: {
      input_tokens: counted.prompt_tokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: counted.completion_tokens,
      output_tokens_details: { reasoning_tokens: plan.reasoning.length },
      total_tokens: counted.total_tokens,
    },
  };
  if (!request.stream) return reply(final);
  const running = {
    ...head,
    status: "in_progress",
    incomplete_details: null,
    output: [],
    usage: null,
  };
  return { kind: "events", events: numbered(sequence({ running, final, items, plan })) };
}

/** The same question as a chat request: one planner serves both APIs. */
function chatOf(request: Request): ChatRequest {
  const messages: ChatMessage[] = typeof request.input === "string"
    ? [{ role: "user", content: request.input }]
    : request.input.map((item) => ({
      role: item.type === "function_call_output" ? "tool" : String(item.role ?? "assistant"),
      content: (item.content ?? item.output) as NonNullable<ChatMessage["content"]> | null,
    }));
  if (request.instructions) messages.unshift({ role: "system", content: request.instructions });
  const functions = (request.tools ?? []).filter((tool) => tool.type === "function");
  const choice = request.tool_choice;
  return {
    model: request.model,
    messages,
    max_tokens: request.max_output_tokens ?? null,
    parallel_tool_calls: request.parallel_tool_calls ?? null,
    reasoning_effort: request.reasoning?.effort ?? null,
    tools: functions.map((tool) => ({
      type: "function",
      function: {
        name: tool.name ?? "",
        parameters: (tool.parameters ?? {}) as Record<string, unknown>,
      },
    })),
    ...(choice === null || choice === undefined ? {} : {
      tool_choice: typeof choice === "string"
        ? choice
        : { type: "function", function: { name: choice.name ?? "" } },
    }),
    ...(request.text?.format
      ? {
        response_format: {
          type: request.text.format.type,
          json_schema: { name: "", schema: request.text.format.schema },
        },
      }
      : {}),
  };
}

function headOf(request: Request, random: Random) {
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
  const status = plan.finish === "length" ? "incomplete" : "completed";
  if (plan.reasoning.length > 0) {
    const summary = [{ type: "summary_text", text: plan.reasoning.join("") }];
    items.push({ type: "reasoning", id: `rs_${random.hex(48)}`, summary });
  }
  if (plan.content) {
    const text = plan.content.join("");
    items.push({
      type: "message",
      id: `msg_${random.hex(48)}`,
      status,
      role: "assistant",
      content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
    });
  }
  for (const call of plan.toolCalls) {
    items.push({
      type: "function_call",
      id: `fc_${random.hex(48)}`,
      status,
      call_id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    });
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

function* messageEvents(item: Item, plan: ChoicePlan, place: Place): Generator<Part> {
  const { output_index } = place;
  const at = { ...place, content_index: 0 };
  const text = (plan.content ?? []).join("");
  const opened = { ...item, status: "in_progress", content: [] };
  yield { type: "response.output_item.added", output_index, item: opened };
  const part = (value: string) => ({
    type: "output_text",
    text: value,
    annotations: [],
    logprobs: [],
  });
  yield { type: "response.content_part.added", ...at, part: part("") };
  for (const delta of plan.content ?? []) {
    yield { type: "response.output_text.delta", ...at, delta, logprobs: [], wait: "next" };
  }
  yield { type: "response.output_text.done", ...at, text, logprobs: [] };
  yield { type: "response.content_part.done", ...at, part: part(text) };
}

function* callEvents(item: Item, place: Place): Generator<Part> {
  const { output_index } = place;
  const text = String(item.arguments);
  const opened = { ...item, status: "in_progress", arguments: "" };
  yield { type: "response.output_item.added", output_index, item: opened };
  for (const delta of argumentFragments(text)) {
    yield { type: "response.function_call_arguments.delta", ...place, delta, wait: "next" };
  }
  const name = item.name;
  yield { type: "response.function_call_arguments.done", ...place, name, arguments: text };
}
