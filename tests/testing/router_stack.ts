/** Helpers of the router's journeys: requests to a gateway with backends, and what those saw. */
import type { Gateway } from "../../gateway/mod.ts";
import {
  type RouterPart,
  type RouterPartOptions,
  routerProfile,
} from "../../gateway/profiles/mod.ts";
import { DONE } from "../../openai/mod.ts";
import { delay, withDeadline } from "../../service/mod.ts";
import type { UpstreamExchange, UpstreamStep } from "../../upstream/mod.ts";
import { startTestGateway, type TestGatewayOptions } from "./stack.ts";

export const CHAT = { model: "gpt-3.5-turbo", messages: [{ role: "user", content: "Hello!" }] };
export const COMPLETION = { model: "text-davinci-003", prompt: "Hello, world!" };

/** Starts a gateway with a model router; `router` says which hosts and routes. */
export function startRouterGateway(
  { router, ...options }: TestGatewayOptions<RouterPart> & { router?: RouterPartOptions } = {},
): Promise<Gateway<RouterPart>> {
  return startTestGateway({ ...options, profile: routerProfile(router) });
}

/** Sends a body as it is; the credential is the demo key's. */
export function post(
  gateway: Gateway<RouterPart>,
  path: string,
  options: { body: unknown; headers?: Record<string, string>; signal?: AbortSignal },
): Promise<Response> {
  const { body, signal } = options;
  return fetch(`${gateway.url}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "demo-key", ...options.headers },
    body: isRaw(body) ? body : JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
}

function isRaw(body: unknown): body is BodyInit {
  return typeof body === "string" || body instanceof ReadableStream ||
    body instanceof Uint8Array;
}

/** A body of unsaid length. */
export function chunked(bytes: number): ReadableStream<Uint8Array> {
  return new Blob([new Uint8Array(bytes)]).stream();
}

export const chat = (gateway: Gateway<RouterPart>, headers: Record<string, string> = {}) =>
  post(gateway, "/v1/chat/completions", { body: CHAT, headers });

/** Returns the requests of each backend, in the order of the backends. */
export function exchanges(gateway: Gateway<RouterPart>): (readonly UpstreamExchange[])[] {
  return gateway.part.mocks.map(({ journal }) => journal.entries());
}

export const counts = (gateway: Gateway<RouterPart>) =>
  exchanges(gateway).map((entries) => entries.length);

/** Requests outstanding at each backend, as the router counts them. */
export function outstanding(gateway: Gateway<RouterPart>): number[] {
  const { router, hosts } = gateway.part;
  return (hosts ?? []).map(({ endpoint }) => router?.outstanding(endpoint) ?? 0);
}

/** The end of a request reaches the router on a connection of its own: waits for it. */
export async function settled(gateway: Gateway<RouterPart>): Promise<void> {
  const zero = async () => {
    while (outstanding(gateway).some((count) => count > 0)) await delay(1);
  };
  await withDeadline(zero(), 10_000, "Requests counted down to zero");
}

export async function metrics(gateway: Gateway<RouterPart>): Promise<string> {
  return await (await fetch(`${gateway.control.url}/metrics`)).text();
}

/** Sets a script on every backend, and returns the header that asks for it. */
export function script(
  gateway: Gateway<RouterPart>,
  steps: UpstreamStep[],
): Record<string, string> {
  for (const { scripts } of gateway.part.mocks) scripts.set("held", { steps });
  return { "x-mock-script": "held" };
}

export const EVENT_STREAM = { headers: { headers: { "content-type": "text/event-stream" } } };
export const HELD: UpstreamStep[] = [
  EVENT_STREAM,
  { event: { data: "1" } },
  { barrier: "go" },
  { event: { data: DONE } },
  { end: true },
];

export function release(gateway: Gateway<RouterPart>): void {
  for (const { barriers } of gateway.part.mocks) barriers.release("held/go");
}

/** Reads a response to its end and returns its status. */
export async function done(response: Response): Promise<number> {
  await response.text();
  return response.status;
}
