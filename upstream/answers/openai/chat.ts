/** `POST /v1/chat/completions` (API reference, "Chat Completions" and "Streaming events"). */
import {
  type ChatChoice,
  type ChatChunk,
  type ChatCompletion,
  type ChatDelta,
  type ChatRequest,
  type CustomToolCall,
  DONE_EVENT,
  type FinishReason,
  type TokenLogprob,
  type ToolCall,
  type Usage,
} from "../../../openai/mod.ts";
import { StreamEvent } from "../../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, reply } from "../answer.ts";
import {
  callId,
  type ChoicePlan,
  fragmentsOf,
  type PlanEnd,
  type PlannedCall,
  type PlanUsage,
} from "../plan.ts";
import { plansOf } from "../plans.ts";
import type { Random } from "../random.ts";
import { CONTENT_FILTER, FIRST_CHUNK, PROMPT_FILTER } from "./azure.ts";
import { askOfChat, parseChatRequest } from "./chat_request.ts";

/** Answers a chat request, whole or as events. */
export function chat(call: EndpointCall): Answer {
  const request = parseChatRequest(call.body);
  checkModel(request.model, call);
  const { random } = call;
  const head = {
    id: `chatcmpl-${random.hex(24)}`,
    created: createdOf(random),
    model: request.model,
    system_fingerprint: `fp_${random.hex(10)}`,
  };
  const { plans, usage: counted } = plansOf(askOfChat(request), call);
  const usage = chatUsage(counted);
  if (request.stream) {
    const { azure } = call;
    const events = chunks({ head, request, plans, usage, random, azure });
    return { kind: "events", events, usage: counted };
  }
  const body: ChatCompletion = {
    ...pick(head, "chat.completion"),
    choices: plans.map((plan, index) => ({
      ...wholeChoice(request, plan, { index, random }),
      ...(call.azure ? CONTENT_FILTER : {}),
    })),
    usage,
    system_fingerprint: head.system_fingerprint,
    ...(call.azure ? PROMPT_FILTER : {}),
  };
  return reply(body, counted);
}

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly system_fingerprint: string;
}

function pick<T extends string>(head: Head, object: T) {
  return { id: head.id, object, created: head.created, model: head.model };
}

function wholeChoice(
  request: ChatRequest,
  plan: ChoicePlan,
  options: { index: number; random: Random },
): ChatChoice {
  const reasoning = plan.reasoning.join("");
  return {
    index: options.index,
    message: {
      role: "assistant",
      content: plan.content?.join("") ?? null,
      refusal: plan.refusal?.join("") ?? null,
      ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
      ...(plan.calls.length > 0 ? { tool_calls: plan.calls.map(wholeCall) } : {}),
    },
    logprobs: request.logprobs && plan.content
      ? {
        content: plan.content.map((token) =>
          logprobOf(token, request.top_logprobs ?? 0, options.random)
        ),
        refusal: null,
      }
      : null,
    finish_reason: FINISH[plan.end],
  };
}

/** `finish_reason` by why an answer ended; a refusal is an answer that stopped. */
const FINISH: Readonly<Record<PlanEnd, FinishReason>> = {
  stop: "stop",
  stop_sequence: "stop",
  length: "length",
  tool_calls: "tool_calls",
  refusal: "stop",
  content_filter: "content_filter",
};

function wholeCall(call: PlannedCall): ToolCall | CustomToolCall {
  const { name, input } = call;
  const id = callId(call, "call_");
  return call.kind === "function"
    ? { id, type: "function", function: { name, arguments: input } }
    : { id, type: "custom", custom: { name, input } };
}

/** Writes token counts in OpenAI's words. */
export function chatUsage({ input, output, cached, reasoning }: PlanUsage): Usage {
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

/** Makes up log probabilities for a token; the best alternatives come first. */
function logprobOf(token: string, top: number, random: Random): TokenLogprob {
  const bytes = [...new TextEncoder().encode(token)];
  const logprob = -Math.round(random.next() * 1e4) / 1e5;
  const others = Array.from({ length: top }, (_, i) => {
    if (i === 0) return { token, logprob, bytes };
    const other = `${token}${i}`;
    return { token: other, logprob: logprob - i, bytes: [...new TextEncoder().encode(other)] };
  });
  return { token, logprob, bytes, top_logprobs: others };
}

/** One step of a streamed choice: what it adds, and whether it took the model's time. */
interface Step {
  readonly delta: ChatDelta;
  readonly token?: string;
  readonly timed: boolean;
}

function* chunks(
  options: {
    head: Head;
    request: ChatRequest;
    plans: readonly ChoicePlan[];
    usage: Usage;
    random: Random;
    azure: boolean;
  },
): Generator<StreamEvent> {
  const { head, request, plans, random } = options;
  const usage = request.stream_options?.include_usage === true;
  const obfuscate = request.stream_options?.include_obfuscation === true;
  const base = {
    ...pick(head, "chat.completion.chunk"),
    system_fingerprint: head.system_fingerprint,
  };
  // What all chunks share is written once: this is the hot path of every stream.
  const prefix = `data: ${JSON.stringify(base).slice(0, -1)},"choices":`;
  const suffix = `${usage ? ',"usage":null' : ""}}\n\n`;
  const write = (choices: ChatChunk["choices"], wait?: "first" | "next"): StreamEvent => {
    const noise = obfuscate ? `,"obfuscation":"${random.hex(8 + random.below(8))}"` : "";
    const text = `${prefix}${JSON.stringify(choices)}${noise}${suffix}`;
    return new StreamEvent(text, wait);
  };
  if (options.azure) yield new StreamEvent(`data: ${JSON.stringify(FIRST_CHUNK)}\n\n`);
  for (const index of plans.keys()) {
    const delta: ChatDelta = {
      role: "assistant",
      content: plans[index]?.content ? "" : null,
      refusal: null,
    };
    yield write(
      [{ index, delta, logprobs: null, finish_reason: null }],
      index === 0 ? "first" : undefined,
    );
  }
  const running = new Map(plans.map((plan, index) => [index, stepsOf(plan)]));
  let timedBefore = false;
  // Round robin: choices of a real server arrive interleaved.
  while (running.size > 0) {
    for (const [index, steps] of running) {
      const next = steps.next();
      if (next.done) {
        running.delete(index);
        continue;
      }
      const { delta, token, timed } = next.value;
      const logprobs = request.logprobs && token !== undefined
        ? { content: [logprobOf(token, request.top_logprobs ?? 0, random)], refusal: null }
        : null;
      const wait = timed && timedBefore ? "next" : undefined;
      timedBefore ||= timed;
      yield write([{ index, delta, logprobs, finish_reason: null }], wait);
    }
  }
  for (const [index, plan] of plans.entries()) {
    yield write([{ index, delta: {}, logprobs: null, finish_reason: FINISH[plan.end] }]);
  }
  if (usage) {
    const last: ChatChunk = { ...base, choices: [], usage: options.usage };
    yield new StreamEvent(`data: ${JSON.stringify(last)}\n\n`);
  }
  yield new StreamEvent(DONE_EVENT);
}

/** Yields the deltas of one choice, without its first and last. */
function* stepsOf(plan: ChoicePlan): Generator<Step> {
  for (const token of plan.reasoning) yield { delta: { reasoning_content: token }, timed: true };
  for (const token of plan.content ?? []) yield { delta: { content: token }, token, timed: true };
  for (const token of plan.refusal ?? []) yield { delta: { refusal: token }, timed: true };
  for (const [index, call] of plan.calls.entries()) {
    const id = callId(call, "call_");
    const { kind: type, name } = call;
    const opened = type === "function"
      ? { index, id, type, function: { name, arguments: "" } }
      : { index, id, type, custom: { name, input: "" } };
    yield { delta: { tool_calls: [opened] }, timed: true };
    for (const text of fragmentsOf(call.input)) {
      const piece = type === "function"
        ? { index, function: { arguments: text } }
        : { index, custom: { input: text } };
      yield { delta: { tool_calls: [piece] }, timed: true };
    }
  }
}
