/** Anthropic's Messages API: `POST /v1/messages`, its stream, and `/v1/messages/count_tokens`. */
import { formatSseEvent } from "../../../openai/mod.ts";
import { StreamEvent } from "../../load/stream_event.ts";
import { type Answer, checkModel, type EndpointCall, reply } from "../answer.ts";
import {
  callId,
  type ChoicePlan,
  fragmentsOf,
  inputTokens,
  type PlanEnd,
  type PlanUsage,
} from "../plan.ts";
import { plansOf } from "../plans.ts";
import { askOfMessages, parseCounted, parseMessages } from "./messages_request.ts";

/** Answers a request for a message, whole or as events. */
export function messages(call: EndpointCall): Answer {
  const request = parseMessages(call.body, isBeta(call));
  checkModel(request.model, call);
  const { plans, usage } = plansOf(askOfMessages(request), call);
  const plan = plans[0] as ChoicePlan;
  const made: Made = {
    id: `msg_${call.random.hex(24)}`,
    model: request.model,
    plan,
    usage,
    signature: btoa(call.random.hex(48)),
  };
  if (request.stream) return { kind: "events", events: events(made), usage };
  const body = {
    ...headOf(made),
    content: blocksOf(made),
    stop_reason: STOP[plan.end],
    stop_sequence: plan.stopped ?? null,
    usage: usageOf(usage),
  };
  return reply(body, usage);
}

/** `POST /v1/messages/count_tokens`. */
export function countTokens(call: EndpointCall): Answer {
  const request = parseCounted(call.body, isBeta(call));
  checkModel(request.model, call);
  return reply({ input_tokens: inputTokens(askOfMessages(request)) });
}

function isBeta({ header }: EndpointCall): boolean {
  return header("anthropic-beta") !== undefined;
}

/** `stop_reason` by why an answer ended (API reference, "Handling stop reasons"). */
const STOP: Readonly<Record<PlanEnd, string>> = {
  stop: "end_turn",
  stop_sequence: "stop_sequence",
  length: "max_tokens",
  tool_calls: "tool_use",
  refusal: "refusal",
  content_filter: "refusal",
};

interface Made {
  readonly id: string;
  readonly model: string;
  readonly plan: ChoicePlan;
  readonly usage: PlanUsage;
  /** Anthropic signs what it thought; clients send it back as it is. */
  readonly signature: string;
}

function headOf({ id, model }: Made) {
  return { id, type: "message", role: "assistant", model };
}

/** Anthropic counts cached tokens apart from the others. */
function usageOf({ input, output, cached }: PlanUsage) {
  return {
    input_tokens: Math.max(0, input - cached),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: output,
    service_tier: "standard",
  };
}

type Block = { readonly type: string } & Readonly<Record<string, unknown>>;

function blocksOf({ plan, signature }: Made): Block[] {
  const blocks: Block[] = [];
  if (plan.reasoning.length > 0) {
    blocks.push({ type: "thinking", thinking: plan.reasoning.join(""), signature });
  }
  const text = plan.content ?? plan.refusal;
  if (text) blocks.push({ type: "text", text: text.join("") });
  for (const call of plan.calls) {
    const id = callId(call, "toolu_");
    blocks.push({ type: "tool_use", id, name: call.name, input: inputOf(call.input) });
  }
  return blocks;
}

/** Arguments that a scenario writes need not be JSON; the API's `input` is always an object. */
function inputOf(text: string): unknown {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { value };
  } catch {
    return { input: text };
  }
}

/** How each block is streamed: as it opens, and its deltas. */
interface Opened {
  readonly block: Block;
  readonly deltas: readonly Block[];
}

function openedOf({ plan, signature }: Made): Opened[] {
  const opened: Opened[] = [];
  if (plan.reasoning.length > 0) {
    opened.push({
      block: { type: "thinking", thinking: "", signature: "" },
      deltas: [
        ...plan.reasoning.map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature },
      ],
    });
  }
  const text = plan.content ?? plan.refusal;
  if (text) {
    opened.push({
      block: { type: "text", text: "" },
      deltas: text.map((piece) => ({ type: "text_delta", text: piece })),
    });
  }
  for (const call of plan.calls) {
    const partial = ["", ...fragmentsOf(call.input)];
    opened.push({
      block: { type: "tool_use", id: callId(call, "toolu_"), name: call.name, input: {} },
      deltas: partial.map((partial_json) => ({ type: "input_json_delta", partial_json })),
    });
  }
  return opened;
}

/** The event sequence (API reference, "Streaming Messages"): every block opens, grows and stops by its index. */
function* events(made: Made): Generator<StreamEvent> {
  const { plan, usage } = made;
  const counts = usageOf(usage);
  const message = {
    ...headOf(made),
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...counts, output_tokens: 1 },
  };
  yield event({ type: "message_start", message }, "first");
  let first = true;
  for (const [index, { block, deltas }] of openedOf(made).entries()) {
    yield event({ type: "content_block_start", index, content_block: block });
    if (index === 0) yield event({ type: "ping" });
    for (const delta of deltas) {
      yield event({ type: "content_block_delta", index, delta }, first ? undefined : "next");
      first = false;
    }
    yield event({ type: "content_block_stop", index });
  }
  const delta = { stop_reason: STOP[plan.end], stop_sequence: plan.stopped ?? null };
  yield event({ type: "message_delta", delta, usage: { output_tokens: counts.output_tokens } });
  yield event({ type: "message_stop" });
}

function event(data: Block, wait?: "first" | "next"): StreamEvent {
  return new StreamEvent(formatSseEvent({ event: data.type, data }), wait);
}
