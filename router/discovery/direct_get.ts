/** HTTP GET that goes where it is told: `fetch` would follow HTTP_PROXY, and Envoy does not. */
import { type IncomingMessage, request as plainRequest, type RequestOptions } from "node:http";
import { request as tlsRequest } from "node:https";
import type { Buffer } from "node:buffer";

/** What a TLS peer is trusted by, and what we show it; PEM. */
export interface TlsTrust {
  /** The system's roots when left out. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** What {@linkcode directGet} takes. */
export interface GetOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly tls?: TlsTrust;
  /** Address to dial in place of the URL's name, which TLS still verifies. */
  readonly address?: string;
  readonly signal: AbortSignal;
}

/** An answer whose body may go on for as long as it likes. */
export interface GetAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Text as it arrives; throws when the connection breaks or the signal aborts. */
  readonly body: AsyncIterable<string>;
}

/**
 * Sends one GET on a connection of its own and resolves with the answer's head. An aborted signal
 * ends the body too.
 *
 * @throws the system's error, or the signal's reason
 */
export async function directGet(url: URL, options: GetOptions): Promise<GetAnswer> {
  const { signal } = options;
  signal.throwIfAborted();
  const head = Promise.withResolvers<IncomingMessage>();
  const send = url.protocol === "https:" ? tlsRequest : plainRequest;
  const call = send(requestOptions(url, options), (message) => head.resolve(message));
  call.on("error", head.reject);
  const onAbort = () => call.destroy(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  call.on("close", () => signal.removeEventListener("abort", onAbort));
  call.end();
  const message = await head.promise.catch((error) => {
    throw signal.aborted ? signal.reason : error;
  });
  return {
    status: message.statusCode ?? 0,
    header: (name) => {
      const value = message.headers[name];
      return Array.isArray(value) ? value.join(", ") : value;
    },
    body: textOf(message, signal),
  };
}

/** Reads an answer's body to its end. */
export async function readAll(answer: GetAnswer): Promise<string> {
  let text = "";
  for await (const chunk of answer.body) text += chunk;
  return text;
}

function requestOptions(url: URL, { headers, tls, address }: GetOptions): RequestOptions {
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? undefined : Number(url.port);
  return {
    host: address ?? name,
    ...(port === undefined ? {} : { port }),
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, ...headers },
    // A connection of its own ends with the answer: nothing is left to be closed.
    agent: false,
    ...(url.protocol === "https:" ? { servername: name, ...tls } : {}),
  };
}

async function* textOf(message: IncomingMessage, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      yield decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    message.destroy();
  }
}
