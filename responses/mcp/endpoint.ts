/** An MCP server's address: each message is one POST, answered with JSON or with an event stream. */
import { type SseEvent, SseParser } from "../../openai/mod.ts";
import type { Outbound } from "../../outbound/mod.ts";
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

/** How long to wait before an event stream is taken up again, milliseconds, when the server names no time. */
const RECONNECT_MS = 1_000;
/** Shortest and longest such time taken from a server, milliseconds. */
const RECONNECT_RANGE_MS = [50, 60_000] as const;
/** How often one answer's stream is taken up again: a server that closes it each minute has half an hour. */
const MAX_RECONNECTS = 30;

/**
 * An answer that is neither a result nor a JSON-RPC error. It says the status, and nothing of what was in it: the
 * address may be of something that never meant to answer whoever named it.
 */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;

  constructor(status: number, what = "") {
    super(what === "" ? `status ${status}` : `status ${status}: ${what}`);
    this.status = status;
  }
}

function noJsonRpc({ status, ok }: Response): HttpError {
  return new HttpError(status, ok ? "no JSON-RPC" : "");
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
  readonly #way: Outbound;

  /** `headers` go with every request; they are the caller's. Nothing is dialled. */
  constructor(url: string, headers: Readonly<Record<string, string>>, way: Outbound) {
    this.url = url;
    this.#headers = headers;
    this.#way = way;
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
    await response.body?.cancel();
    if (!response.ok) throw new HttpError(response.status);
  }

  /** Ends a session; a server that has none answers 405, which is as good. */
  async delete(headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void> {
    const response = await this.#way.fetch(this.url, {
      method: "DELETE",
      headers: this.#headers,
      ownHeaders: headers,
      signal,
    });
    await response.body?.cancel();
  }

  #post(
    message: OutgoingMessage,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Response> {
    return this.#way.fetch(this.url, {
      method: "POST",
      headers: this.#headers,
      ownHeaders: {
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
    const text = await response.text();
    let messages: IncomingMessage[];
    try {
      messages = messagesOf(text);
    } catch {
      throw noJsonRpc(response);
    }
    // An error that comes before the request is understood has no id, or null.
    const answer = messages.find(({ id, error }) => id === request.id || error !== undefined);
    if (answer === undefined) throw noJsonRpc(response);
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
    for (let reconnects = 0; reconnects <= MAX_RECONNECTS; reconnects++) {
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
      await delay(Math.min(Math.max(retry, RECONNECT_RANGE_MS[0]), RECONNECT_RANGE_MS[1]), signal);
      response = await this.#way.fetch(this.url, {
        headers: this.#headers,
        ownHeaders: { ...headers, accept: "text/event-stream", "last-event-id": lastEventId },
        signal,
      });
      if (!response.ok || !isEventStream(response)) {
        await response.body?.cancel();
        throw new HttpError(response.status, response.ok ? "no event stream" : "");
      }
    }
    throw new Error(`${method} was not answered in ${MAX_RECONNECTS} event streams`);
  }

  /** A request of a server to its client: a ping, or something that this client never offered. */
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
  for await (const chunk of response.body ?? []) {
    for (const item of parser.push(chunk)) if (item.kind === "event") yield item;
  }
}

function isEventStream(response: Response): boolean {
  return response.headers.get("content-type")?.includes("text/event-stream") ?? false;
}
