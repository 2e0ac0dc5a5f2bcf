/** An HTTP authorization service in front of the policy stub: for gateways that ask over HTTP, and not over gRPC. */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { checkClient } from "../ext_authz/mod.ts";
import type { JsonObject } from "../grpc/mod.ts";
import { closeServer } from "../service/mod.ts";

/** A running HTTP authorization service. */
export interface HttpEngine extends AsyncDisposable {
  readonly port: number;
  /** Says where the policy stub listens, once it does. Until then nobody is answered. */
  join(address: string): void;
}

/** How long the stub may hold an answer, milliseconds: the gateway gives up before. */
const HELD_MS = 60_000;

interface Option {
  readonly header?: { readonly key?: string; readonly value?: string };
}

/**
 * Starts the service on a free port of loopback. It asks the stub by a Check with the method, path, host and headers that
 * the gateway shows it (ext_authz.proto, HttpService), and answers as HTTP says: 200 allows, another status denies, and
 * a stub that gives no answer is a connection that breaks.
 *
 * No guard by `Host` stands before it: what a gateway shows there is its client's.
 */
export async function startHttpEngine(
  { pathPrefix = "" }: { readonly pathPrefix?: string } = {},
): Promise<HttpEngine> {
  let client: ReturnType<typeof checkClient> | undefined;
  const sockets = new Set<import("node:net").Socket>();
  const server = http.createServer((request, response) => {
    const left = new AbortController();
    response.on("close", () => left.abort());
    request.resume();
    const answer = async () => {
      if (client === undefined) return request.socket.destroy();
      const verdict = await client.check(checkOf(request, pathPrefix), {
        deadlineMs: HELD_MS,
        signal: left.signal,
      });
      respond(response, verdict);
    };
    answer().catch(() => request.socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    join(address) {
      client = checkClient({ address });
    },
    async [Symbol.asyncDispose]() {
      await closeServer(server, sockets);
      client?.[Symbol.dispose]();
    },
  };
}

function checkOf(request: http.IncomingMessage, pathPrefix: string): JsonObject {
  const { method = "GET", url = "/", socket } = request;
  const path = url.startsWith(pathPrefix) ? url.slice(pathPrefix.length) : url;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    // The check's own framing, and not the client's.
    if (name === "content-length" || name === "connection") continue;
    headers[name] = Array.isArray(value) ? value.join(",") : value ?? "";
  }
  const address = {
    socket_address: { address: socket.remoteAddress ?? "", port_value: socket.remotePort ?? 0 },
  };
  const host = headers.host ?? "";
  const plain = { method, path, host, headers, scheme: "http", protocol: "HTTP/1.1", size: "-1" };
  return { attributes: { source: { address }, request: { http: plain } } } as JsonObject;
}

function respond(response: http.ServerResponse, verdict: JsonObject): void {
  const answer = verdict as {
    status?: { code?: number };
    ok_response?: { headers?: Option[] };
    denied_response?: { status?: { code?: number | string }; headers?: Option[]; body?: string };
  };
  const fields = (options: readonly Option[] = []) =>
    options.flatMap(({ header }) => header?.key ? [[header.key, header.value ?? ""] as const] : []);
  if ((answer.status?.code ?? 0) === 0) {
    for (const [name, value] of fields(answer.ok_response?.headers)) {
      response.setHeader(name, value);
    }
    response.writeHead(200, { "content-length": 0 }).end();
    return;
  }
  const { status, headers, body = "" } = answer.denied_response ?? {};
  for (const [name, value] of fields(headers)) response.setHeader(name, value);
  const code = typeof status?.code === "number" && status.code > 0 ? status.code : NAMED[
    String(status?.code)
  ] ?? 403;
  response.writeHead(code, { "content-length": new TextEncoder().encode(body).length }).end(body);
}

/** Statuses of a denial by name (envoy.type.v3.StatusCode), as far as policies use them. */
const NAMED: Readonly<Record<string, number>> = {
  Unauthorized: 401,
  PaymentRequired: 402,
  Forbidden: 403,
  NotFound: 404,
  TooManyRequests: 429,
  UnavailableForLegalReasons: 451,
};
