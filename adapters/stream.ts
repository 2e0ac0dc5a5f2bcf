/** A model's streamed answer as the events of a chat completion. */
import { type ChatChunk, type ChatDelta, DONE_EVENT, formatSseEvent } from "../openai/mod.ts";
import { type AnswerHead, finishOf, isClients, toolCallOf, usageOf } from "./answer.ts";
import { AdapterError, adapterErrorIn } from "./errors.ts";
import type { ModelPart } from "./language_model.ts";

/** How the events are written. */
export interface StreamOptions {
  readonly head: AnswerHead;
  /** Whether the client asked for `stream_options.include_usage`. */
  readonly usage: boolean;
}

/** A part that says something to the client. */
type Telling = Exclude<ModelPart, { type: "stream-start" | "raw" }>;

/** Whether a part is the first that the client hears of: until then a failure can still be a status. */
export function tells(part: ModelPart): part is Telling {
  return part.type.endsWith("-delta") || part.type === "tool-input-start" ||
    part.type === "tool-call" || part.type === "finish";
}

/**
 * Writes parts as server-sent events, one text for each. A stream that ends without a reason, or with a failure, gets an
 * error event and no `[DONE]`, and then throws, so that its connection is broken off too.
 *
 * @throws {AdapterError} as the last thing, after its event
 */
export async function* chatEvents(
  parts: AsyncIterable<ModelPart>,
  { head, usage }: StreamOptions,
): AsyncGenerator<string> {
  const eventOf = (choices: ChatChunk["choices"], counted?: ChatChunk["usage"]) =>
    formatSseEvent({
      data: JSON.stringify({
        ...head,
        object: "chat.completion.chunk",
        system_fingerprint: "",
        choices,
        ...(usage ? { usage: counted ?? null } : {}),
      }),
    });
  const say = (delta: ChatDelta) =>
    eventOf([{ index: 0, delta, logprobs: null, finish_reason: null }]);
  const calls = new Map<string, number>();
  let spoken = false;
  try {
    for await (const part of parts) {
      if (part.type === "error") throw adapterErrorIn(part.error);
      if (part.type === "finish") {
        const finish_reason = finishOf(part.finishReason, calls.size);
        yield eventOf([{ index: 0, delta: {}, logprobs: null, finish_reason }]);
        if (usage) yield eventOf([], usageOf(part.usage));
        yield DONE_EVENT;
        return;
      }
      const delta = deltaOf(part, calls);
      if (delta === undefined) continue;
      yield say(spoken ? delta : { role: "assistant", ...delta });
      spoken = true;
    }
    throw new AdapterError(502, "The provider broke the answer off", { code: "upstream_failed" });
  } catch (error) {
    const failure = adapterErrorIn(error);
    yield formatSseEvent({ data: JSON.stringify(failure.body) });
    throw failure;
  }
}

/** The addition that a part makes; undefined for one that adds nothing, and for calls that the provider makes itself. */
function deltaOf(part: ModelPart, calls: Map<string, number>): ChatDelta | undefined {
  switch (part.type) {
    case "text-delta":
      return part.delta === "" ? undefined : { content: part.delta };
    case "reasoning-delta":
      return part.delta === "" ? undefined : { reasoning_content: part.delta };
    case "tool-input-start": {
      const index = calls.size;
      calls.set(part.id, index);
      const { id, toolName: name } = part;
      return { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] };
    }
    case "tool-input-delta": {
      const index = calls.get(part.id);
      if (index === undefined || part.delta === "") return undefined;
      return { tool_calls: [{ index, function: { arguments: part.delta } }] };
    }
    case "tool-call": {
      if (!isClients(part)) return undefined;
      const known = calls.get(part.toolCallId);
      const whole = toolCallOf(part);
      // It came in pieces, and now as a whole: only what the pieces did not say is new.
      if (known !== undefined) {
        const { extra_content } = whole;
        if (extra_content === undefined) return undefined;
        const addition = { index: known, function: { arguments: "" }, extra_content };
        return { tool_calls: [addition] };
      }
      const index = calls.size;
      calls.set(part.toolCallId, index);
      return { tool_calls: [{ index, ...whole }] };
    }
    default:
      return undefined;
  }
}
