/** Requests to addresses that somebody else chose: a tenant, a peer, or a file of theirs. */
import { lookup } from "node:dns/promises";
import { type IncomingMessage, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { Readable } from "node:stream";
import { inNetworks, isNetwork, isPublic } from "../addresses/mod.ts";
import { bounded, messageOf } from "../service/mod.ts";
import { refusedHeader } from "./headers.ts";

/** Places that an {@linkcode Outbound} may reach. */
export interface OutboundRules {
  /**
   * Places that may be called although they are no addresses of the internet: `host`, `host:port`, `*.suffix`, an address, a network
   * in CIDR notation, or `*` for everything. Nothing when left out.
   */
  readonly allow?: readonly string[];
  /** Longest body taken, bytes; 16 MiB when left out. */
  readonly maxBytes?: number;
  /** Returns the addresses of a name; the system's resolver unless a test says otherwise. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
}

/** A request of {@linkcode Outbound}. */
export interface OutboundRequest {
  /** `GET` when left out. */
  readonly method?: string;
  /** Headers that a stranger chose. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers of our own, which take their place and may be any. */
  readonly ownHeaders?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** A request that is not made. The message may be shown to whoever chose the address. */
export class OutboundError extends Error {
  override readonly name = "OutboundError";
}

/** Makes such requests. */
export interface Outbound {
  /**
   * Resolves with the answer's head; its body is cut off with an error where it grows too long. Redirects are answers
   * like others, and never followed; proxies of the environment are not used, since they would resolve again.
   *
   * @throws {OutboundError} when the address, or a header, is not to be used
   * @throws {Error} when nobody answers, and the signal's reason when it aborts
   */
  fetch(url: string, request: OutboundRequest): Promise<Response>;
  /** Throws as `fetch` does for an address that it would not call, without calling it. */
  check(url: string): Promise<void>;
}

/** Longest body taken, bytes: who names an address is not who runs the gateway. */
const MAX_BYTES = 16 * 1024 * 1024;

/** Returns a way out that goes to the internet and to what the rules allow, and nowhere else. */
export function outbound(rules: OutboundRules = {}): Outbound {
  const { allow = [], maxBytes = MAX_BYTES, resolve = addressesOf } = rules;
  const named = new Set(allow.map((entry) => entry.toLowerCase()));
  const inAllowed = inNetworks(allow.filter(isNetwork));
  const mayCall = (url: URL, address: string) =>
    isAllowedName(named, url) || inAllowed(address) ||
    (isPublic(address) && !ownAddresses()(address));

  const place = async (text: string) => {
    const url = parsed(text);
    const name = url.hostname.replace(/^\[|\]$/g, "");
    const addresses = isIP(name) !== 0 ? [name] : await resolved(name, resolve);
    // All of them, so that nothing hangs on which of them is dialled.
    if (!addresses.every((address) => mayCall(url, address))) {
      throw new OutboundError(
        `Cannot call "${name}": it is no address of the internet, and connectors.allow does not list it`,
      );
    }
    return { url, address: addresses[0] ?? "" };
  };
  return {
    async check(text) {
      await place(text);
    },
    async fetch(text, request) {
      request.signal.throwIfAborted();
      const refused = refusedHeader(request.headers ?? {});
      if (refused !== undefined) {
        throw new OutboundError(`Cannot send the header "${refused.slice(0, 64)}" there`);
      }
      const { url, address } = await place(text);
      request.signal.throwIfAborted();
      return await send(url, address, { ...request, maxBytes });
    },
  };
}

function parsed(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new OutboundError(
      "Cannot call that: it must be an http or https URL without credentials",
    );
  }
  return url;
}

async function resolved(
  name: string,
  resolve: (name: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const addresses = await resolve(name).catch(() => []);
  if (addresses.length === 0) throw new OutboundError(`Cannot call "${name}": it has no address`);
  return addresses;
}

async function addressesOf(name: string): Promise<string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}

/** Public ones too: what listens here for Envoy alone must not be called by way of ourselves. */
function ownAddresses(): (address: string) => boolean {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return inNetworks(all.map(({ address }) => address.replace(/%.*$/, "")));
}

function isAllowedName(named: ReadonlySet<string>, url: URL): boolean {
  if (named.has("*")) return true;
  const name = url.hostname.toLowerCase();
  const port = url.port === "" ? url.protocol === "https:" ? "443" : "80" : url.port;
  if (named.has(name) || named.has(`${name}:${port}`)) return true;
  const labels = name.split(".");
  return labels.some((_, index) => index > 0 && named.has(`*.${labels.slice(index).join(".")}`));
}

/** Dials the address that was looked at, and no other, under the name that the URL says. */
async function send(
  url: URL,
  address: string,
  request: OutboundRequest & { readonly maxBytes: number },
): Promise<Response> {
  const { method = "GET", body, signal, maxBytes } = request;
  const isTls = url.protocol === "https:";
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const answered = Promise.withResolvers<IncomingMessage>();
  const call = (isTls ? tlsRequest : plainRequest)({
    host: address,
    port: url.port === "" ? isTls ? 443 : 80 : Number(url.port),
    ...(isTls && isIP(name) === 0 ? { servername: name } : {}),
    method,
    path: `${url.pathname}${url.search}`,
    agent: false,
    headers: {
      ...lowerCased(request.headers),
      ...lowerCased(request.ownHeaders),
      host: url.host,
      ...(body === undefined
        ? {}
        : { "content-length": String(new TextEncoder().encode(body).length) }),
    },
  }, answered.resolve);
  const onAbort = () => call.destroy(new Error("aborted"));
  signal.addEventListener("abort", onAbort, { once: true });
  call.on("close", () => signal.removeEventListener("abort", onAbort));
  call.on("error", answered.reject);
  call.end(body);
  try {
    return responseOf(await answered.promise, maxBytes);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(`Cannot reach "${url.host}": ${messageOf(error)}`);
  }
}

function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

/** Statuses whose answers have no body (Fetch standard, "null body status"), and what `Response` does not take. */
const BODILESS = new Set([101, 204, 205, 304]);

function responseOf(message: IncomingMessage, maxBytes: number): Response {
  const status = message.statusCode ?? 0;
  if (status < 200 || status > 599) {
    message.destroy();
    throw new Error(`status ${status}`);
  }
  const headers = new Headers();
  for (let i = 0; i + 1 < message.rawHeaders.length; i += 2) {
    headers.append(message.rawHeaders[i] ?? "", message.rawHeaders[i + 1] ?? "");
  }
  if (BODILESS.has(status)) {
    message.resume();
    return new Response(null, { status, headers });
  }
  const body = Readable.toWeb(message) as ReadableStream<Uint8Array>;
  return new Response(body.pipeThrough(bounded(maxBytes)), { status, headers });
}
