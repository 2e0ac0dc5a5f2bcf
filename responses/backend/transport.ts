/** How requests reach the model server: over plain HTTP by our own client, over TLS by the system's. */
import { http1Client } from "../../http1/mod.ts";

/** An answer that has begun; its body is read once, as pieces or as a text. */
export interface TransportAnswer {
  readonly status: number;
  /** @param name In lower case. */
  header(name: string): string | undefined;
  /** Each piece is valid until the next is asked for. Ending the iteration closes the connection. */
  readonly body: AsyncIterable<Uint8Array>;
  text(): Promise<string>;
}

/** The request. */
export interface TransportRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
}

/** Connections to one server. Disposing it closes them. */
export interface Transport extends Disposable {
  /** @throws the system's error, or the signal's reason */
  send(path: string, request: TransportRequest): Promise<TransportAnswer>;
}

/** Idle connections that are kept; each running stream has one of its own. */
const IDLE_CONNECTIONS = 256;

/** Returns the way to a server. Nothing is dialled before the first request. */
export function transportTo(endpoint: string): Transport {
  return endpoint.startsWith("http:") ? plain(endpoint) : secure(endpoint);
}

function plain(endpoint: string): Transport {
  const url = new URL(endpoint);
  const prefix = url.pathname.replace(/\/$/, "");
  const client = http1Client(url);
  return {
    send: (path, request) => client.send({ ...request, path: `${prefix}${path}` }),
    [Symbol.dispose]: () => client[Symbol.dispose](),
  };
}

/** `fetch` speaks HTTP/2 where the server does, and goes through the proxy that the system names. */
function secure(endpoint: string): Transport {
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: IDLE_CONNECTIONS });
  return {
    async send(path, request) {
      const response = await fetch(`${endpoint}${path}`, {
        ...request as RequestInit,
        // The provider's key goes where the operator said, and nowhere else.
        redirect: "manual",
        client,
      });
      return {
        status: response.status,
        header: (name) => response.headers.get(name) ?? undefined,
        body: response.body ?? noBytes(),
        text: () => response.text(),
      };
    },
    [Symbol.dispose]: () => client.close(),
  };
}

async function* noBytes(): AsyncGenerator<Uint8Array> {}
