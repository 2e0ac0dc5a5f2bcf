/** The model server as a client sees it: any server that speaks OpenAI's chat completions. */
import { DONE } from "../../openai/mod.ts";
import { messageOf } from "../../service/mod.ts";
import { AnswerReader, type AnswerSource } from "./answer_reader.ts";
import type { ChatAnswer, ChatCall, ChatDelta } from "./chat.ts";
import { Deadlines } from "./deadlines.ts";
import { BackendError, brokenOff, refused, tooSlow, unreachable } from "./errors.ts";
import { EventLines, type LineEvent } from "./event_lines.ts";
import { saidIn } from "./said.ts";
import { ThoughtTags } from "./thought_tags.ts";
import { type Transport, type TransportAnswer, transportTo } from "./transport.ts";

/** Options of {@linkcode connectBackend}. */
export interface BackendOptions {
  /** Base URL with its version: `http://127.0.0.1:11434/v1`. */
  readonly endpoint: string;
  /** Sent as `Authorization: Bearer`. */
  readonly apiKey?: string;
  /** Milliseconds that the server may take to the first piece of an answer. */
  readonly firstEventTimeoutMs: number;
}

/** The state of the model server, for `/health`. */
export interface BackendState {
  readonly reachable: boolean;
  readonly models: readonly string[];
  readonly error?: string;
}

/** A model server. Disposing it closes its connections. */
export interface Backend extends Disposable {
  readonly endpoint: string;
  /**
   * Asks for an answer and resolves with its first piece at hand.
   *
   * @throws {BackendError} when there is none
   * @throws the signal's reason, when it aborts
   */
  chat(call: ChatCall, signal: AbortSignal): Promise<ChatAnswer>;
  /** Embeddings of texts, in their order. Throws {@linkcode BackendError}. */
  embed(model: string, texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  /**
   * Passes a POST on as it is, and resolves with the answer's head, whatever its status.
   *
   * @throws {BackendError} when the model server cannot be reached
   */
  forward(
    path: string,
    request: { readonly body: Uint8Array; readonly headers: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<TransportAnswer>;
  /** Asks for the list of models, at most `STATE_TIMEOUT_MS`; never rejects. */
  state(): Promise<BackendState>;
}

/** How long the model server may take to list its models before `/health` calls it down. */
const STATE_TIMEOUT_MS = 2_000;

/** Returns the client of a model server. Nothing is dialled before the first call. */
export function connectBackend(options: BackendOptions): Backend {
  return new HttpBackend(options);
}

class HttpBackend implements Backend {
  readonly endpoint: string;
  readonly #options: BackendOptions;
  readonly #transport: Transport;
  readonly #deadlines: Deadlines;
  readonly #headers: Record<string, string>;
  /** The gateway's own, whatever a client sent. */
  readonly #credential: Record<string, string>;

  constructor(options: BackendOptions) {
    this.endpoint = options.endpoint.replace(/\/+$/, "");
    this.#options = options;
    this.#transport = transportTo(this.endpoint);
    this.#deadlines = new Deadlines(options.firstEventTimeoutMs);
    const { apiKey } = options;
    this.#credential = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
    this.#headers = { "content-type": "application/json", ...this.#credential };
  }

  async chat(call: ChatCall, signal: AbortSignal): Promise<ChatAnswer> {
    const deadline = this.#deadlines.start(signal);
    try {
      const response = await this.#post("/chat/completions", this.#bodyOf(call), {
        signal: deadline.signal,
        headers: call.headers,
      });
      if (!isOk(response)) throw await this.#refusal(response, call.model);
      const source = this.#sourceOf(call.model, response);
      if (!isStream(response.header("content-type"), call.stream)) {
        const text = await response.text();
        deadline.met();
        return { deltas: whole(text, source), [Symbol.dispose]() {} };
      }
      const pieces = this.#pieces(response, source, signal);
      let first = await pieces.next();
      deadline.met();
      // What says nothing yet (a role, a comment) may still be followed by an error in the answer's place.
      while (!first.done && first.value.length === 0) first = await pieces.next();
      return {
        deltas: first.done ? pieces : withFirst(first.value, pieces),
        [Symbol.dispose]: () => deadline.giveUp(),
      };
    } catch (error) {
      deadline.met();
      if (deadline.passed) throw tooSlow(this.endpoint, this.#options.firstEventTimeoutMs);
      throw error;
    }
  }

  async embed(
    model: string,
    texts: readonly string[],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Float32Array[]> {
    const body = JSON.stringify({ model, input: texts, encoding_format: "float" });
    const response = await this.#post("/embeddings", body, { signal });
    if (!isOk(response)) throw await this.#refusal(response, model);
    const { data } = JSON.parse(await response.text()) as {
      data: { index: number; embedding: number[] }[];
    };
    return data.toSorted((a, b) => a.index - b.index)
      .map(({ embedding }) => Float32Array.from(embedding));
  }

  forward(
    path: string,
    { body, headers }: {
      readonly body: Uint8Array;
      readonly headers: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<TransportAnswer> {
    return this.#post(path, body, { signal, headers });
  }

  async state(): Promise<BackendState> {
    try {
      const answer = await this.#transport.send("/models", {
        method: "GET",
        headers: this.#headers,
        signal: AbortSignal.timeout(STATE_TIMEOUT_MS),
      });
      const text = await answer.text();
      if (!isOk(answer)) {
        return { reachable: false, models: [], error: `status ${answer.status}` };
      }
      const { data } = JSON.parse(text) as { data?: { id: string }[] };
      return { reachable: true, models: (data ?? []).map(({ id }) => id) };
    } catch (error) {
      return { reachable: false, models: [], error: messageOf(error) };
    }
  }

  [Symbol.dispose](): void {
    this.#deadlines[Symbol.dispose]();
    this.#transport[Symbol.dispose]();
  }

  async #post(
    path: string,
    body: string | Uint8Array,
    { signal, headers }: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
  ): Promise<TransportAnswer> {
    try {
      return await this.#transport.send(path, {
        method: "POST",
        headers: { ...this.#headers, ...headers, ...this.#credential },
        body,
        signal,
      });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw unreachable(this.endpoint, messageOf(error));
    }
  }

  #bodyOf(call: ChatCall): string {
    const { model, messages, tools, parameters, maxTokens, stream } = call;
    const field = call.maxTokensField ?? "max_tokens";
    return JSON.stringify({
      model,
      messages,
      ...(tools === undefined || tools.length === 0 ? {} : { tools }),
      ...parameters,
      ...(maxTokens === undefined ? {} : { [field]: maxTokens }),
      ...(stream ? { stream: true, stream_options: { include_usage: true } } : {}),
    });
  }

  #sourceOf(model: string, response: TransportAnswer): AnswerSource {
    return { endpoint: this.endpoint, model, retryAfter: retryAfterOf(response) };
  }

  async #refusal(response: TransportAnswer, model: string): Promise<BackendError> {
    const text = await response.text().catch((error) => messageOf(error));
    const source = this.#sourceOf(model, response);
    return refused({
      ...source,
      retryAfter: source.retryAfter,
      status: response.status,
      said: saidIn(text),
    });
  }

  /** Yields the pieces of the stream; the end without `[DONE]` is a break unless the answer said it is finished. */
  async *#pieces(
    response: TransportAnswer,
    source: AnswerSource,
    signal: AbortSignal,
  ): AsyncGenerator<ChatDelta[], void> {
    const lines = new EventLines();
    const reader = new AnswerReader(source);
    const tags = new ThoughtTags();
    const read = (events: readonly LineEvent[]) => readAll(events, reader, tags);
    try {
      for await (const bytes of response.body) {
        const { deltas, failure } = read(lines.push(bytes));
        // An empty list too: whatever came, the model server lives.
        if (failure === undefined || deltas.length > 0) yield deltas;
        if (failure !== undefined) throw failure;
      }
      const { deltas, failure } = read(lines.end());
      deltas.push(...tags.flush());
      if (deltas.length > 0) yield deltas;
      if (failure !== undefined) throw failure;
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof BackendError ? error : brokenOff(this.endpoint, messageOf(error));
    }
    reader.end();
  }
}

/** Seconds, or a date; Azure and OpenAI also say milliseconds. */
function retryAfterOf(response: TransportAnswer): string | undefined {
  const ms = Number(response.header("retry-after-ms") ?? NaN);
  return response.header("retry-after") ??
    (ms > 0 ? String(Math.ceil(ms / 1_000)) : undefined);
}

/** Whether an answer comes in pieces: not every server that streams says so, but JSON is said to be JSON. */
function isStream(contentType: string | undefined, asked: boolean): boolean {
  if (contentType?.includes("text/event-stream")) return true;
  return asked && contentType !== undefined && !/^(application\/json|text\/html)/.test(contentType);
}

/** Content of events, up to the first that is a failure. */
function readAll(
  events: readonly LineEvent[],
  reader: AnswerReader,
  tags: ThoughtTags,
): { readonly deltas: ChatDelta[]; readonly failure?: unknown } {
  const deltas: ChatDelta[] = [];
  for (const { data, type } of events) {
    try {
      for (const delta of reader.read(data, type)) deltas.push(...tags.take(delta));
    } catch (failure) {
      deltas.push(...tags.flush());
      return { deltas, failure };
    }
  }
  return { deltas };
}

function isOk({ status }: TransportAnswer): boolean {
  return status >= 200 && status < 300;
}

async function* withFirst(
  first: ChatDelta[],
  rest: AsyncGenerator<ChatDelta[], void>,
): AsyncGenerator<ChatDelta[], void> {
  try {
    yield first;
    yield* rest;
  } finally {
    await rest.return();
  }
}

/**
 * A whole answer as one list of deltas; read at once, so that a failure is known before anything is said. One that is
 * no JSON may still be a stream, under a wrong name.
 */
function whole(text: string, source: AnswerSource): AsyncIterable<readonly ChatDelta[]> {
  const reader = new AnswerReader(source);
  const tags = new ThoughtTags();
  const { deltas, failure } = readAll(eventsOf(text), reader, tags);
  if (failure !== undefined) throw failure;
  deltas.push(...tags.flush());
  reader.end();
  return once(deltas);
}

function eventsOf(text: string): readonly LineEvent[] {
  const only = { type: undefined, data: text };
  if (/^\s*[{[]/.test(text) && isJson(text)) return [only, { ...only, data: DONE }];
  const lines = new EventLines();
  const events = [...lines.push(new TextEncoder().encode(text)), ...lines.end()];
  return events.length === 0 ? [only] : events;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void> {
  yield await value;
}
