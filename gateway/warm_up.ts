/** Sends the first request through Envoy, before any client's. */
import { request as httpRequest } from "node:http";
import { type Log, messageOf, now, startDeadline, UnavailableError } from "../service/mod.ts";
import type { RequestFeed } from "./requests.ts";

/** How long policy may take to answer for the first time; Envoy itself allows 2 s per call. */
const WARM_UP_MS = 5_000;

/**
 * Sends a request without a credential through Envoy, so that its connection to policy stands
 * before the first client comes. The request stays out of the request feed. A foreign engine that
 * cannot be reached is only reported: the gateway fails closed, and recovers when it comes up.
 *
 * @throws {UnavailableError} when the ingress does not answer, or our own stub cannot be reached
 */
export async function warmUp(
  options: { url: string; feed: RequestFeed; foreignPolicy: boolean; log: Log },
): Promise<void> {
  const over = now() + WARM_UP_MS;
  do {
    const id = crypto.randomUUID();
    options.feed.ignore(id);
    if (await statusOf(`${options.url}/v1/models`, id) !== 503) return;
    // Our own stub is up: on a busy machine Envoy's patience of 2 s may end before its first answer.
  } while (!options.foreignPolicy && now() < over);
  const text = "Policy does not answer Envoy: requests get 503 until it does";
  if (!options.foreignPolicy) throw new UnavailableError(text);
  options.log(text);
}

// Not fetch: that would follow HTTP_PROXY away from loopback.
async function statusOf(url: string, requestId: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const fail = (error: unknown) =>
    reject(new UnavailableError(`Cannot warm up "${url}": ${messageOf(error)}`));
  const ask = url.startsWith("https:") ? askOverTls : askInPlain;
  const call = await ask(new URL(url), requestId, { resolve, fail });
  using _ = startDeadline(
    WARM_UP_MS,
    () => void call.destroy(new Error(`no answer within ${WARM_UP_MS} ms`)),
  );
  return await promise;
}

/** Callbacks for the answer's status, or for the failure. */
interface Heard {
  readonly resolve: (status: number) => void;
  readonly fail: (error: unknown) => void;
}

function askInPlain(url: URL, requestId: string, { resolve, fail }: Heard) {
  const headers = { "x-request-id": requestId };
  const call = httpRequest(url, { agent: false, headers }, (response) => {
    response.on("error", fail).on("end", () => resolve(response.statusCode ?? 0)).resume();
  });
  call.on("error", fail);
  call.end();
  return call;
}

/** On the socket: node:https of Deno 2.6 lets Envoy pick HTTP/2, and does not speak it. */
async function askOverTls(url: URL, requestId: string, { resolve, fail }: Heard) {
  const { connect } = await import("node:tls");
  const request = `GET ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n` +
    `x-request-id: ${requestId}\r\nconnection: close\r\n\r\n`;
  const socket = connect({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || 443),
    ALPNProtocols: ["http/1.1"],
    // Our own Envoy on our own port: whom its certificate names is for the cases to judge.
    rejectUnauthorized: false,
  }, () => void socket.write(request));
  let answer = "";
  socket.on("data", (bytes) => answer += bytes.toString("latin1"));
  socket.on("error", fail);
  socket.on("close", () => {
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
    if (status === undefined) fail(new Error("the connection was closed without an answer"));
    else resolve(Number(status));
  });
  return socket;
}
