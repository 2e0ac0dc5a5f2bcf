/**
 * A small gateway from OpenAI's Chat to Anthropic's Messages, right in everything that the group `dialect` asks, and
 * breakable in one thing at a time: what proves that its cases can fail.
 */
import { parseSse } from "../../openai/mod.ts";

// deno-lint-ignore no-explicit-any -- two wire formats, as they come
type Wire = any;

/** Names of the defects that can be planted. */
export const DEFECTS = [
  "drops-tool-calls",
  "says-tool-calls-without-any",
  "always-stop",
  "no-usage",
  "cached-counted-twice",
  "system-as-user",
  "first-system-only",
  "drops-images",
  "tools-in-openai-shape",
  "drops-tool-choice",
  "named-choice-as-any",
  "results-as-text",
  "parallel-under-one-index",
  "arguments-as-object",
  "thoughts-in-text",
  "no-done",
  "done-twice",
  "ends-cut-streams",
  "errors-untranslated",
  "errors-as-500",
  "drops-retry-after",
  "forwards-own-fields",
  "drops-limit",
  "one-piece",
  "empty-deltas",
  "drops-text-beside-calls",
] as const;

/** A defect that can be planted. */
export type Defect = typeof DEFECTS[number];

/** A running translator. */
export interface Translator extends AsyncDisposable {
  readonly url: string;
}

/** Starts the gateway in front of a server that speaks Messages. */
export function startTranslator(upstream: string, defect?: Defect): Translator {
  const has = (one: Defect) => defect === one;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const asked: Wire = await request.json();
    const headers = new Headers({ "content-type": "application/json" });
    for (const name of ["x-harness-case", "x-request-id"]) {
      const value = request.headers.get(name);
      if (value !== null) headers.set(name, value);
    }
    const answer = await fetch(`${upstream}/v1/messages`, {
      method: "POST",
      headers,
      body: JSON.stringify(requestOf(asked, has)),
    });
    if (answer.status !== 200) return await errorOf(answer, has);
    if (!asked.stream) return Response.json(wholeOf(await answer.json(), has));
    return new Response(streamOf(answer, has), {
      headers: { "content-type": "text/event-stream" },
    });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

type Has = (defect: Defect) => boolean;

function requestOf(asked: Wire, has: Has): Wire {
  const systems = asked.messages.filter((one: Wire) => one.role === "system");
  const rest = has("system-as-user")
    ? asked.messages.map((one: Wire) => one.role === "system" ? { ...one, role: "user" } : one)
    : asked.messages.filter((one: Wire) => one.role !== "system");
  const kept = has("first-system-only") ? systems.slice(0, 1) : systems;
  const choice = has("drops-tool-choice") ? undefined : choiceOf(asked.tool_choice, has);
  return {
    model: asked.model,
    max_tokens: has("drops-limit") ? 4096 : asked.max_tokens ?? 4096,
    messages: messagesOf(rest, has),
    ...(kept.length > 0 && !has("system-as-user") && {
      system: kept.map(({ content }: Wire) => ({ type: "text", text: content })),
    }),
    ...(asked.tools && {
      tools: has("tools-in-openai-shape")
        ? asked.tools
        : asked.tools.map(({ function: one }: Wire) => ({
          name: one.name,
          input_schema: one.parameters,
        })),
    }),
    ...(choice && { tool_choice: choice }),
    ...(asked.stream && { stream: true }),
    ...(asked.stop && { stop_sequences: asked.stop }),
    ...(has("forwards-own-fields") && asked.user && { user: asked.user }),
  };
}

function choiceOf(choice: Wire, has: Has): Wire {
  if (choice === undefined) return undefined;
  if (choice === "required" || (typeof choice === "object" && has("named-choice-as-any"))) {
    return { type: "any" };
  }
  return typeof choice === "string" ? { type: choice } : {
    type: "tool",
    name: choice.function.name,
  };
}

function messagesOf(messages: readonly Wire[], has: Has): Wire[] {
  const made: Wire[] = [];
  for (const { role, content, tool_calls, tool_call_id } of messages) {
    const blocks: Wire[] = [];
    if (role === "tool") {
      blocks.push(
        has("results-as-text")
          ? { type: "text", text: content }
          : { type: "tool_result", tool_use_id: tool_call_id, content },
      );
    } else if (typeof content === "string") blocks.push({ type: "text", text: content });
    for (const part of Array.isArray(content) ? content : []) {
      if (part.type === "text") blocks.push({ type: "text", text: part.text });
      else if (!has("drops-images")) {
        const data = part.image_url.url.split(",")[1];
        blocks.push({ type: "image", source: { type: "base64", media_type: "image/png", data } });
      }
    }
    for (const { id, function: one } of has("results-as-text") ? [] : tool_calls ?? []) {
      blocks.push({ type: "tool_use", id, name: one.name, input: JSON.parse(one.arguments) });
    }
    if (blocks.length === 0) continue;
    const as = role === "assistant" ? "assistant" : "user";
    if (made.at(-1)?.role === as) made.at(-1).content.push(...blocks);
    else made.push({ role: as, content: blocks });
  }
  return made;
}

const FINISH: Readonly<Record<string, string>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  tool_use: "tool_calls",
  refusal: "content_filter",
};

function finishOf(reason: string, has: Has): string {
  return has("always-stop") ? "stop" : FINISH[reason] ?? "stop";
}

function usageOf(usage: Wire, has: Has): Wire {
  const cached = usage.cache_read_input_tokens ?? 0;
  const input = usage.input_tokens + cached + (has("cached-counted-twice") ? cached : 0);
  return {
    prompt_tokens: has("no-usage") ? 0 : input,
    completion_tokens: has("no-usage") ? 0 : usage.output_tokens,
    total_tokens: input + usage.output_tokens,
    prompt_tokens_details: { cached_tokens: cached },
  };
}

function wholeOf(message: Wire, has: Has): Wire {
  const of = (type: string) => message.content.filter((block: Wire) => block.type === type);
  const calls = has("drops-tool-calls") ? [] : of("tool_use");
  const text = [
    ...(has("thoughts-in-text") ? of("thinking").map(({ thinking }: Wire) => thinking) : []),
    ...(has("drops-text-beside-calls") && calls.length > 0 ? [] : of("text")).map((one: Wire) =>
      one.text
    ),
  ].join("");
  return {
    id: message.id,
    object: "chat.completion",
    created: 1,
    model: message.model,
    choices: [{
      index: 0,
      message: {
        role: "assistant",
        content: text === "" ? null : text,
        ...(calls.length > 0 && {
          tool_calls: calls.map(({ id, name, input }: Wire) => ({
            id,
            type: "function",
            function: { name, arguments: JSON.stringify(input) },
          })),
        }),
      },
      finish_reason: has("says-tool-calls-without-any")
        ? "tool_calls"
        : finishOf(message.stop_reason, has),
    }],
    usage: usageOf(message.usage, has),
  };
}

/** Translates event by event; a source that breaks off breaks the answer off. */
function streamOf(answer: Response, has: Has): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async start(controller) {
      const write = (data: string) => controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      const state = new StreamState(has);
      let held = "";
      let text = "";
      try {
        const decoder = new TextDecoder();
        for await (const piece of answer.body ?? []) {
          text += decoder.decode(piece, { stream: true });
          const end = text.lastIndexOf("\n\n") + 2;
          for (const { data } of parseSse(text.slice(0, end)).events) {
            for (const chunk of state.take(JSON.parse(data))) {
              if (has("one-piece")) held += chunk.choices?.[0]?.delta?.content ?? "";
              else write(JSON.stringify(chunk));
            }
          }
          text = text.slice(end);
        }
      } catch (error) {
        if (!has("ends-cut-streams")) return controller.error(error);
        for (const chunk of state.end("end_turn")) write(JSON.stringify(chunk));
      }
      if (has("one-piece")) write(JSON.stringify(state.chunk({ content: held }, "stop")));
      if (!has("no-done")) write("[DONE]");
      if (has("done-twice")) write("[DONE]");
      controller.close();
    },
  });
}

class StreamState {
  readonly #has: Has;
  #id = "";
  #model = "";
  #usage: Wire = {};
  #calls = -1;

  constructor(has: Has) {
    this.#has = has;
  }

  chunk(delta: Wire, finish_reason: string | null = null): Wire {
    return {
      id: this.#id,
      object: "chat.completion.chunk",
      created: 1,
      model: this.#model,
      choices: [{ index: 0, delta, finish_reason }],
    };
  }

  *take(event: Wire): Generator<Wire> {
    const has = this.#has;
    const { type, message, content_block: block, delta } = event;
    if (type === "message_start") {
      this.#id = message.id;
      this.#model = message.model;
      this.#usage = message.usage;
      yield this.chunk({ role: "assistant", content: "" });
    }
    if (block?.type === "tool_use" && !has("drops-tool-calls")) {
      this.#calls++;
      yield this.#call({
        id: block.id,
        type: "function",
        function: { name: block.name, arguments: "" },
      });
    }
    if (delta?.type === "text_delta") yield this.chunk({ content: delta.text });
    if (delta?.type === "thinking_delta") {
      if (has("thoughts-in-text")) yield this.chunk({ content: delta.thinking });
      if (has("empty-deltas")) yield this.chunk({});
    }
    if (delta?.type === "input_json_delta" && !has("drops-tool-calls") && delta.partial_json) {
      const text = has("arguments-as-object") ? { part: delta.partial_json } : delta.partial_json;
      yield this.#call({ function: { arguments: text } });
    }
    if (type === "message_delta") {
      this.#usage = { ...this.#usage, ...event.usage };
      yield* this.end(delta.stop_reason);
    }
  }

  *end(reason: string): Generator<Wire> {
    yield this.chunk({}, finishOf(reason, this.#has));
    yield { ...this.chunk({}), choices: [], usage: usageOf(this.#usage, this.#has) };
  }

  #call(fields: Wire): Wire {
    const index = this.#has("parallel-under-one-index") ? 0 : this.#calls;
    return this.chunk({ tool_calls: [{ index, ...fields }] });
  }
}

/** OpenAI's words by status. */
const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
};

async function errorOf(answer: Response, has: Has): Promise<Response> {
  const { error }: Wire = await answer.json();
  const status = has("errors-as-500") ? 500 : answer.status;
  const type = TYPES[status] ?? (status < 500 ? "invalid_request_error" : "server_error");
  const retry = answer.headers.get("retry-after");
  const headers = new Headers(
    retry === null || has("drops-retry-after") ? {} : {
      "retry-after": retry,
    },
  );
  const body = has("errors-untranslated")
    ? { type: "error", error }
    : { error: { message: error.message, type, param: null, code: null } };
  return Response.json(body, { status, headers });
}
