/**
 * Responses over a WebSocket (OpenAI API guide, "WebSocket mode"): each `response.create` is answered with the events
 * that a stream has, one message each. One response runs at a time; closing the socket cancels it.
 */
import { ApiError, invalidRequest } from "../api/errors.ts";
import { type ResponseEvent } from "../api/events.ts";
import type { Item, ResponseObject } from "../api/objects.ts";
import { parseCreate } from "../api/request.ts";
import type { Tenant } from "../api/tenant.ts";
import { BackendError } from "../backend/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { unanswered } from "../engine/unanswered.ts";
import { errorReply, jsonOf, type Reply } from "./create.ts";

/** Options of a socket. */
export interface SocketOptions {
  readonly engine: Engine;
  readonly tenant: Tenant;
  header(name: string): string | undefined;
  readonly onFault: (error: unknown) => void;
  readonly onCreate?: (reply: Reply) => void;
}

/** Requests that may wait for their turn; a client that sends more does not read. */
const MAX_WAITING = 16;

const encoder = new TextEncoder();

/** Whether a request asks for a WebSocket. */
export function wantsSocket(headers: Headers): boolean {
  return headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** The answer where WebSockets are not served; clients go on over HTTP. */
export function upgradeRefused(): ApiError {
  return new ApiError(
    426,
    "websocket_disabled",
    "This gateway does not serve WebSockets: send POST /v1/responses with 'stream': true",
  );
}

/** The answer to a web page: of it, nobody knows that its user wants this. */
export function pageRefused(): ApiError {
  return new ApiError(403, "origin_not_allowed", "A web page cannot open a WebSocket here");
}

/** Serves one socket, until it is closed. */
export function serveSocket(socket: WebSocket, options: SocketOptions): void {
  const session = new SocketSession(socket, options);
  socket.onmessage = ({ data }) => session.take(data);
  socket.onclose = () => session.close();
  // An error is followed by the close.
  socket.onerror = () => {};
}

class SocketSession {
  readonly #socket: WebSocket;
  readonly #options: SocketOptions;
  readonly #over = new AbortController();
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** The last response of this socket, stored or not: the next one may follow it. */
  #recent: { readonly id: string; readonly items: readonly Item[] } | undefined;

  constructor(socket: WebSocket, options: SocketOptions) {
    this.#socket = socket;
    this.#options = options;
  }

  take(data: unknown): void {
    if (this.#waiting >= MAX_WAITING) {
      return this.#fail(new ApiError(429, "too_many_requests", "Too many requests wait here"));
    }
    this.#waiting++;
    this.#last = this.#last.then(() => this.#answer(data)).finally(() => this.#waiting--);
  }

  close(): void {
    this.#over.abort(new DOMException("The client closed its socket", "AbortError"));
  }

  async #answer(data: unknown): Promise<void> {
    if (this.#over.signal.aborted) return;
    const { engine, tenant, header, onCreate } = this.#options;
    let model: string | undefined;
    try {
      const { generate, ...body } = bodyOf(data);
      const request = { ...parseCreate({ ...body, stream: true }), background: false };
      model = request.model;
      const recall = (id: string) => this.#recent?.id === id ? this.#recent.items : undefined;
      const caller = { signal: this.#over.signal, header, recall };
      const before = recall(request.previous_response_id ?? "") ?? [];
      if (generate === false) {
        // A warm-up: what comes next may already follow it.
        const { response, events } = unanswered(request);
        this.#recent = { id: response.id, items: [...before, ...request.input] };
        for (const event of events) this.#send(event);
        return;
      }
      const started = await engine.start(tenant, request, caller);
      onCreate?.({
        status: 200,
        headers: [],
        body: encoder.encode(""),
        model,
        responseId: started.response.id,
      });
      for await (const events of started.events) {
        for (const event of events) {
          const ended = event["response"] as ResponseObject | undefined;
          // Known before it is told, so that the next request can follow it.
          if (ended !== undefined && LAST.test(event.type)) {
            const items = [...before, ...request.input, ...ended.output];
            this.#recent = { id: ended.id, items };
          }
          this.#send(event);
        }
      }
    } catch (error) {
      if (this.#over.signal.aborted) return;
      this.#fail(error, model);
    }
  }

  #fail(error: unknown, model?: string): void {
    const { onFault, onCreate } = this.#options;
    const reply = errorReply(error, onFault);
    onCreate?.({ ...reply, ...(model === undefined ? {} : { model }) });
    const { error: said } = JSON.parse(new TextDecoder().decode(reply.body as Uint8Array));
    const wait = error instanceof BackendError ? error.retryAfter : undefined;
    const headers = wait === undefined ? {} : { headers: { "retry-after": wait } };
    this.#send({ type: "error", status: reply.status, error: said, ...headers });
  }

  #send(event: ResponseEvent | Readonly<Record<string, unknown>>): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event));
  }
}

const LAST = /^response\.(completed|incomplete|failed)$/;

function bodyOf(data: unknown): Record<string, unknown> {
  if (typeof data !== "string") throw invalidRequest("A message must be JSON in a text frame");
  const event = jsonOf(encoder.encode(data)) as Record<string, unknown> | null;
  if (event?.["type"] !== "response.create") {
    throw invalidRequest("Expected an event of type 'response.create'", "type");
  }
  const { type: _, response, ...flat } = event;
  // The Realtime API nests the same under `response`.
  return typeof response === "object" && response !== null
    ? response as Record<string, unknown>
    : flat;
}
