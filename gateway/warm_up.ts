import { request as httpRequest } from "node:http";
import { type Log, messageOf, startDeadline, UnavailableError } from "../service/mod.ts";
import type { RequestFeed } from "./requests.ts";

/** How long policy may take to answer for the first time; Envoy itself allows 2 s per call. */
const WARM_UP_MS = 5_000;

/**
 * Sends one request without a credential through Envoy, so that its connection to policy stands
 * before the first client comes. The request stays out of the request feed. A foreign engine that
 * cannot be reached is only reported: the gateway fails closed, and recovers when it comes up.
 *
 * @throws {UnavailableError} when the ingress does not answer, or our own stub cannot be reached
 */
export async function warmUp(
  options: { url: string; feed: RequestFeed; foreignPolicy: boolean; log: Log },
): Promise<void> {
  const id = crypto.randomUUID();
  options.feed.ignore(id);
  if (await statusOf(`${options.url}/v1/models`, id) !== 503) return;
  const text = "Policy does not answer Envoy: requests get 503 until it does";
  if (!options.foreignPolicy) throw new UnavailableError(text);
  options.log(text);
}

// Not fetch: that would follow HTTP_PROXY away from loopback.
async function statusOf(url: string, requestId: string): Promise<number> {
  const send = url.startsWith("https:") ? (await import("node:https")).request : httpRequest;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const fail = (error: unknown) =>
    reject(new UnavailableError(`Cannot warm up "${url}": ${messageOf(error)}`));
  const call = send(url, {
    agent: false,
    headers: { "x-request-id": requestId },
    // Our own Envoy on our own port: whom its certificate names is for the cases to judge.
    rejectUnauthorized: false,
  }, (response) => {
    response.on("error", fail).on("end", () => resolve(response.statusCode ?? 0)).resume();
  });
  call.on("error", fail);
  using _ = startDeadline(
    WARM_UP_MS,
    () => void call.destroy(new Error(`no answer within ${WARM_UP_MS} ms`)),
  );
  call.end();
  return await promise;
}
