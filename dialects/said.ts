/** Reads what an answer says, in any dialect, whole or streamed, into one form. */
import { DONE, parseSse } from "../openai/mod.ts";

/** One tool call of an answer. */
export interface SaidCall {
  readonly id?: string;
  readonly name: string;
  /** JSON text of the arguments, or the text of a custom tool. */
  readonly input: string;
  readonly custom?: boolean;
}

/** The content of an answer. */
export interface Said {
  readonly text?: string;
  readonly reasoning?: string;
  readonly refusal?: string;
  readonly calls: readonly SaidCall[];
  /** Why it ended, in OpenAI's words; `undefined` when the answer does not say, as one that is cut off. */
  readonly finish?: "stop" | "length" | "tool_calls" | "content_filter";
  readonly usage?: {
    readonly input: number;
    readonly output: number;
    readonly cached: number;
    readonly reasoning: number;
  };
}

/**
 * Reads an answer of a chat, a legacy completion, a response, a message or of Gemini.
 *
 * @param contentType tells JSON from events
 * @returns `undefined` for what is none of these
 */
export function readSaid(contentType: string, text: string): Said | undefined {
  try {
    if (/event-stream/.test(contentType)) {
      const events = parseSse(text).events.filter(({ data }) => data !== DONE);
      return readEvents(events.map(({ data }) => JSON.parse(data)));
    }
    const body = JSON.parse(text);
    return Array.isArray(body) ? readEvents(body) : readWhole(body);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// deno-lint-ignore no-explicit-any -- what a server sent, whatever it is
type Wire = any;

function readWhole(body: Wire): Said | undefined {
  if (Array.isArray(body?.choices)) return readChat([body]);
  if (body?.object === "response") return readResponse(body);
  if (body?.type === "message") return readMessage(body);
  return Array.isArray(body?.candidates) ? readGemini([body]) : undefined;
}

function readEvents(events: readonly Wire[]): Said | undefined {
  const last = events.findLast((event) => event?.response?.object === "response");
  if (last) return readResponse(last.response);
  if (events.some((event) => event?.type === "message_start")) return readMessageEvents(events);
  if (events.some((event) => Array.isArray(event?.candidates))) return readGemini(events);
  return events.some((event) => Array.isArray(event?.choices)) ? readChat(events) : undefined;
}

/** Chunks and whole answers of chat differ in `delta` and `message` alone; a legacy one has `text`. */
function readChat(bodies: readonly Wire[]): Said {
  const said = new Gathered();
  for (const { choices, usage } of bodies) {
    if (usage) {
      said.usage = {
        input: count(usage.prompt_tokens),
        output: count(usage.completion_tokens),
        cached: count(usage.prompt_tokens_details?.cached_tokens),
        reasoning: count(usage.completion_tokens_details?.reasoning_tokens),
      };
    }
    const choice = choices?.find(({ index }: Wire) => (index ?? 0) === 0);
    if (!choice) continue;
    const message = choice.delta ?? choice.message ?? { content: choice.text };
    said.add("text", message.content);
    said.add("reasoning", message.reasoning_content ?? message.reasoning);
    said.add("refusal", message.refusal);
    for (const [at, call] of (message.tool_calls ?? []).entries()) {
      const inside = call.function ?? call.custom ?? {};
      said.call(call.index ?? at, {
        id: call.id,
        name: inside.name,
        input: inside.arguments ?? inside.input,
        custom: call.custom !== undefined,
      });
    }
    said.finish = choice.finish_reason ?? said.finish;
  }
  return said.done();
}

function readResponse(response: Wire): Said {
  const said = new Gathered();
  for (const [at, item] of (response.output ?? []).entries()) {
    for (const part of item.content ?? []) {
      said.add("text", part.text);
      said.add("refusal", part.refusal);
    }
    for (const part of item.summary ?? []) said.add("reasoning", part.text);
    if (item.type !== "function_call" && item.type !== "custom_tool_call") continue;
    const { call_id: id, name } = item;
    const custom = item.type === "custom_tool_call";
    said.call(at, { id, name, input: item.arguments ?? item.input, custom });
  }
  const { usage } = response;
  if (usage) {
    said.usage = {
      input: count(usage.input_tokens),
      output: count(usage.output_tokens),
      cached: count(usage.input_tokens_details?.cached_tokens),
      reasoning: count(usage.output_tokens_details?.reasoning_tokens),
    };
  }
  const reason = response.incomplete_details?.reason;
  if (reason) said.finish = reason === "content_filter" ? "content_filter" : "length";
  else if (response.status === "completed") said.finish = said.calls.size ? "tool_calls" : "stop";
  return said.done();
}

/** Anthropic's stop reasons in OpenAI's words; a refusal is one that the provider made. */
const STOPS: Readonly<Record<string, Said["finish"]>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

function readMessage(message: Wire): Said {
  const said = new Gathered();
  for (const [at, block] of (message.content ?? []).entries()) {
    said.add("text", block.text);
    said.add("reasoning", block.thinking);
    if (block.type === "tool_use") {
      said.call(at, { id: block.id, name: block.name, input: JSON.stringify(block.input ?? {}) });
    }
  }
  said.finish = STOPS[message.stop_reason];
  said.usage = anthropicUsage(message.usage);
  return said.done();
}

function readMessageEvents(events: readonly Wire[]): Said {
  const said = new Gathered();
  let usage: Wire = {};
  for (const { type, message, index, content_block: block, delta, usage: counted } of events) {
    if (type === "message_start") usage = { ...message?.usage };
    if (type === "message_delta") usage = { ...usage, ...counted };
    if (block?.type === "tool_use") said.call(index, { id: block.id, name: block.name, input: "" });
    said.add("text", delta?.text);
    said.add("reasoning", delta?.thinking);
    if (delta?.type === "input_json_delta") said.call(index, { input: delta.partial_json });
    if (delta?.stop_reason) said.finish = STOPS[delta.stop_reason];
  }
  said.usage = anthropicUsage(usage);
  return said.done();
}

/** Anthropic counts cached tokens apart; a thought is part of the output. */
function anthropicUsage(usage: Wire): Said["usage"] {
  if (!usage) return undefined;
  const cached = count(usage.cache_read_input_tokens);
  const made = count(usage.cache_creation_input_tokens);
  return {
    input: count(usage.input_tokens) + cached + made,
    output: count(usage.output_tokens),
    cached,
    reasoning: 0,
  };
}

/** Gemini's finish reasons in OpenAI's words. */
const FINISHES: Readonly<Record<string, Said["finish"]>> = { STOP: "stop", MAX_TOKENS: "length" };

function readGemini(bodies: readonly Wire[]): Said {
  const said = new Gathered();
  for (const { candidates, usageMetadata: usage } of bodies) {
    const candidate = candidates?.find(({ index }: Wire) => (index ?? 0) === 0);
    for (const part of candidate?.content?.parts ?? []) {
      said.add(part.thought ? "reasoning" : "text", part.text);
      const call = part.functionCall;
      if (call) {
        const input = JSON.stringify(call.args ?? {});
        said.call(said.calls.size, { id: call.id, name: call.name, input });
      }
    }
    const reason = candidate?.finishReason;
    if (reason) said.finish = FINISHES[reason] ?? "content_filter";
    if (usage) {
      const reasoning = count(usage.thoughtsTokenCount);
      said.usage = {
        input: count(usage.promptTokenCount),
        output: count(usage.candidatesTokenCount) + reasoning,
        cached: count(usage.cachedContentTokenCount),
        reasoning,
      };
    }
  }
  if (said.finish === "stop" && said.calls.size > 0) said.finish = "tool_calls";
  return said.done();
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** An answer as its pieces come. */
class Gathered {
  readonly calls = new Map<
    number,
    { id?: string; name: string; input: string; custom?: boolean }
  >();
  finish: Said["finish"];
  usage: Said["usage"];
  readonly #texts: { text?: string; reasoning?: string; refusal?: string } = {};

  /** Adds a piece of text. */
  add(field: "text" | "reasoning" | "refusal", piece: unknown): void {
    if (typeof piece === "string") this.#texts[field] = (this.#texts[field] ?? "") + piece;
  }

  /** Adds a piece of a call; calls are told apart by their index. */
  call(
    index: number,
    piece: { id?: string; name?: string; input?: unknown; custom?: boolean },
  ): void {
    const call = this.calls.get(index) ?? { name: "", input: "" };
    if (piece.id !== undefined) call.id = piece.id;
    if (piece.custom) call.custom = true;
    call.name += piece.name ?? "";
    if (typeof piece.input === "string") call.input += piece.input;
    this.calls.set(index, call);
  }

  done(): Said {
    const calls = [...this.calls].sort(([a], [b]) => a - b).map(([, call]) => call);
    return {
      ...this.#texts,
      calls,
      ...(this.finish ? { finish: this.finish } : {}),
      ...(this.usage ? { usage: this.usage } : {}),
    };
  }
}
