/** An MCP server's address: each message is one POST, answered with JSON or with an event stream. */
import { type SseEvent, SseParser } from "../../openai/mod.ts";
import { delay } from "../../service/mod.ts";
import {
  CODE,
  type IncomingMessage,
  messagesOf,
  type OutgoingMessage,
  type Params,
  type Result,
  RpcError,
} from "./json_rpc.ts";

/** Longest answer taken, bytes: who registers a server is not who runs the gateway. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** How long to wait before an event stream is taken up again, milliseconds, when the server names no time. */
const RECONNECT_MS = 1_000;

/** An answer that is neither a result nor a JSON-RPC error. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail === "" ? `status ${status}` : `status ${status}: ${detail}`);
    this.status = status;
  }
}

/** A result, and the header fields that came with it. */
export interface Answer {
  readonly result: Result;
  readonly headers: Headers;
}

/** A request to an {@linkcode Endpoint}. */
export interface EndpointRequest {
  readonly id: number;
  readonly method: string;
  readonly params: Params;
  /** Header fields beside those that every request has. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export class Endpoint {
  readonly url: string;
  readonly #headers: Readonly<Record<string, string>>;

  /** `headers` go with every request. Nothing is dialled. */
  constructor(url: string, headers: Readonly<Record<string, string>>) {
    this.url = url;
    // One spelling, so that what this client sets takes the place of what it was given.
    this.#headers = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
    );
  }

  /**
   * Puts a request and waits for its answer, however long.
   *
   * @throws {RpcError} when the server answers with an error
   * @throws {HttpError} when it answers with neither
   * @throws the signal's reason, when it aborts
   * @throws {Error} when the server cannot be reached, breaks off, or answers nonsense
   */
  async request(request: EndpointRequest): Promise<Answer> {
    const { id, method, params, headers, signal } = request;
    const response = await this.#post({ id, method, params }, headers, signal);
    const message = await this.#answerTo(request, response);
    if (message.error !== undefined) throw new RpcError(message.error, response.status);
    if (!response.ok) throw new HttpError(response.status, "");
    return { result: message.result ?? {}, headers: response.headers };
  }

  /** Sends a message that has no answer: a notification, or an answer of ours. */
  async send(
    message: OutgoingMessage,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#post(message, headers, signal);
    const detail = await textOf(response);
    if (!response.ok) throw new HttpError(response.status, detail.slice(0, 200));
  }

  /** Ends a session; a server that has none answers 405, which is as good. */
  async delete(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const response = await fetch(this.url, {
      method: "DELETE",
      headers: { ...this.#headers, ...headers },
      signal,
    });
    await response.body?.cancel();
  }

  #post(
    message: OutgoingMessage,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    return fetch(this.url, {
      method: "POST",
      headers: {
        ...this.#headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        ...headers,
      },
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      signal,
    });
  }

  async #answerTo(request: EndpointRequest, response: Response): Promise<IncomingMessage> {
    if (isEventStream(response)) return await this.#answerInStream(request, response);
    const text = await textOf(response);
    let messages: IncomingMessage[];
    try {
      messages = messagesOf(text);
    } catch {
      throw new HttpError(response.status, text.slice(0, 200));
    }
    // An error that comes before the request is understood has no id, or null.
    const answer = messages.find(({ id, error }) => id === request.id || error !== undefined);
    if (answer === undefined) throw new HttpError(response.status, text.slice(0, 200));
    return answer;
  }

  /**
   * Waits for the answer among a stream's events. A server may close the connection before and have
   * us come again with the last event's id (revision 2025-11-25, "Resumability and Redelivery").
   */
  async #answerInStream(request: EndpointRequest, first: Response): Promise<IncomingMessage> {
    const { id, method, headers, signal } = request;
    let response = first;
    let lastEventId = "";
    let retry = RECONNECT_MS;
    while (true) {
      for await (const event of eventsOf(response)) {
        lastEventId = event.id;
        retry = event.retry ?? retry;
        if (event.data === "") continue;
        for (const message of messagesOf(event.data)) {
          if (message.method !== undefined) await this.#answerServer(message, request);
          else if (message.id === id) return message;
        }
      }
      if (lastEventId === "") {
        throw new Error(`the event stream ended before ${method} was answered`);
      }
      await delay(retry, signal);
      response = await fetch(this.url, {
        headers: {
          ...this.#headers,
          ...headers,
          accept: "text/event-stream",
          "last-event-id": lastEventId,
        },
        signal,
      });
      if (!response.ok || !isEventStream(response)) {
        throw new HttpError(response.status, (await textOf(response)).slice(0, 200));
      }
    }
  }

  /** What a server asks of its client: a sign of life, or something that this client never offered. */
  async #answerServer(
    { id, method }: IncomingMessage,
    { headers, signal }: EndpointRequest,
  ): Promise<void> {
    if (id === undefined || id === null) return;
    const error = { code: CODE.methodNotFound, message: `${method} is not offered` };
    await this.send(method === "ping" ? { id, result: {} } : { id, error }, headers, signal);
  }
}

/** Leaving the loop closes the connection. */
async function* eventsOf(response: Response): AsyncGenerator<SseEvent> {
  const parser = new SseParser();
  for await (const chunk of bounded(response)) {
    for (const item of parser.push(chunk)) if (item.kind === "event") yield item;
  }
}

function isEventStream(response: Response): boolean {
  return response.headers.get("content-type")?.includes("text/event-stream") ?? false;
}

/** A body, cut off with an error where it grows beyond what is taken. */
function bounded({ body }: Response): ReadableStream<Uint8Array> {
  let left = MAX_ANSWER_BYTES;
  const limit = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left < 0) controller.error(new Error(`an answer longer than ${MAX_ANSWER_BYTES} bytes`));
      else controller.enqueue(chunk);
    },
  });
  return (body ?? new Blob().stream()).pipeThrough(limit);
}

async function textOf(response: Response): Promise<string> {
  return await new Response(bounded(response)).text();
}
