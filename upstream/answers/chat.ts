import {
  type ChatChoice,
  type ChatChunk,
  type ChatCompletion,
  type ChatDelta,
  type ChatRequest,
  DONE_EVENT,
} from "../../openai/mod.ts";
import type { Random } from "./random.ts";
import { StreamEvent } from "../load/stream_event.ts";
import { type Answer, checkModel, createdOf, type EndpointCall, reply } from "./answer.ts";
import { argumentFragments, type ChoicePlan, logprobOf, planChoice, usageOf } from "./chat_plan.ts";
import { parseChatRequest } from "./chat_request.ts";

/** `POST /v1/chat/completions` (API reference, "Chat Completions" and "Streaming events"). */
export function chat(call: EndpointCall): Answer {
  const request = parseChatRequest(call.body);
  checkModel(request.model, call.models);
  const { random } = call;
  const head = {
    id: `chatcmpl-${random.hex(24)}`,
    created: createdOf(random),
    model: request.model,
    system_fingerprint: `fp_${random.hex(10)}`,
  };
  const plans = Array.from(
    { length: request.n ?? 1 },
    () => planChoice(request, { random, tokens: call.tokens }),
  );
  if (request.stream) return { kind: "events", events: chunks({ head, request, plans, random }) };
  const body: ChatCompletion = {
    ...pick(head, "chat.completion"),
    choices: plans.map((plan, index) => wholeChoice(request, plan, { index, random })),
    usage: usageOf(request, plans),
    system_fingerprint: head.system_fingerprint,
  };
  return reply(body);
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
      refusal: null,
      ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
      ...(plan.toolCalls.length > 0 ? { tool_calls: plan.toolCalls } : {}),
    },
    logprobs: request.logprobs && plan.content
      ? {
        content: plan.content.map((token) =>
          logprobOf(token, request.top_logprobs ?? 0, options.random)
        ),
        refusal: null,
      }
      : null,
    finish_reason: plan.finish,
  };
}

/** One step of a streamed choice: what it adds, and whether it took the model's time. */
interface Step {
  readonly delta: ChatDelta;
  readonly token?: string;
  readonly timed: boolean;
}

function* chunks(
  options: { head: Head; request: ChatRequest; plans: readonly ChoicePlan[]; random: Random },
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
    yield write([{ index, delta: {}, logprobs: null, finish_reason: plan.finish }]);
  }
  if (usage) {
    const last: ChatChunk = { ...base, choices: [], usage: usageOf(request, plans) };
    yield new StreamEvent(`data: ${JSON.stringify(last)}\n\n`);
  }
  yield new StreamEvent(DONE_EVENT);
}

/** Yields the deltas of one choice, without its first and last. */
function* stepsOf(plan: ChoicePlan): Generator<Step> {
  for (const token of plan.reasoning) yield { delta: { reasoning_content: token }, timed: true };
  for (const token of plan.content ?? []) yield { delta: { content: token }, token, timed: true };
  for (const [index, call] of plan.toolCalls.entries()) {
    const { id, type } = call;
    yield {
      delta: {
        tool_calls: [{ index, id, type, function: { name: call.function.name, arguments: "" } }],
      },
      timed: true,
    };
    for (const text of argumentFragments(call.function.arguments)) {
      yield { delta: { tool_calls: [{ index, function: { arguments: text } }] }, timed: true };
    }
  }
}
