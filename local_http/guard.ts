/** Guards a local HTTP listener against foreign web pages, and against names that were bent to this machine. */
import { isIP } from "node:net";
import { errorBody } from "../openai/mod.ts";
import { isLoopback, isPeer, PEER_HEADER } from "../service/mod.ts";

/** A local listener, and by which names it may be asked. */
export interface Surface {
  /** The interface that it is bound to. With a wildcard (`0.0.0.0`, `::`) every IP literal is a name of it. */
  readonly host: string;
  /** Further names, without a port: a Service's, say. */
  readonly names?: readonly string[];
  /**
   * Requests of web pages of another origin: `never` served; or served when `preflighted`, that is when a browser had
   * to ask for leave before (for servers behind a gateway that answers such questions). `never` when left out.
   */
  readonly pages?: "never" | "preflighted";
  /** Headers that prove such a question, beside the content type; {@linkcode OWN_HEADER} and `authorization` if not said. */
  readonly ownHeaders?: readonly string[];
  /** The Envoy in front, when it alone may ask: the secret that its requests carry, and paths for everybody. */
  readonly peer?: { readonly secret: string | undefined; readonly open: readonly string[] };
  /** Serves requests for any name: a gateway in front passes on those of its clients. Not to browsers where `pages` is `never`. */
  readonly anyName?: boolean;
}

/** A request, as far as it matters here. */
export interface Asked {
  readonly method: string;
  /** `Host`, `:authority`, and an absolute target's: whatever there is, and all of it must be right. */
  readonly authorities: readonly string[];
  header(name: string): string | undefined;
}

/** Why a request is not served. */
export interface Refusal {
  readonly status: 403 | 421;
  readonly message: string;
  readonly code: string;
}

/** The header that a page can send to no other origin unasked, whatever its value. */
export const OWN_HEADER = "x-llmgate";

/** Longest part of a request that is repeated in an answer. */
const ECHO_CHARACTERS = 100;

/** Methods that change nothing (RFC 9110 section 9.2.1), and whose answers no foreign page can read without CORS. */
const READING = new Set(["GET", "HEAD"]);

/** Headers by which browsers give themselves away; `curl`, SDKs and Envoy send none of them. */
const OF_BROWSERS = ["origin", "referer", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];

/**
 * Tells why a request must not be served, or undefined when it may be.
 *
 * - 421 when `Host` is not a loopback literal, `localhost`, the bound address or a configured name: the page of a
 *   domain that was pointed at this machine (DNS rebinding) is "same origin" to the browser, and only the name tells.
 * - 403 for anything but GET and HEAD when `Origin` is another's or `Sec-Fetch-Site` is `cross-site` or `same-site`
 *   (https://www.w3.org/TR/fetch-metadata/), and when a browser sends neither `content-type: application/json` nor
 *   {@linkcode OWN_HEADER}: then no question (CORS preflight) came before it.
 */
export function refusalOf(asked: Asked, surface: Surface): Refusal | undefined {
  // A name in a page's request may be a stranger's, pointed at this machine (DNS rebinding).
  if (!surface.anyName || (surface.pages !== "preflighted" && isOfBrowser(asked))) {
    const foreign = asked.authorities.find((authority) => !isNameOf(authority, surface));
    if (foreign !== undefined || asked.authorities.length === 0) return misdirected(foreign);
  }
  if (READING.has(asked.method)) return undefined;
  const asksLeave = isPreflighted(asked, surface);
  if (surface.pages === "preflighted") {
    return isOfPage(asked) && !asksLeave ? forbidden(asked) : undefined;
  }
  if (isOfPage(asked)) return forbidden(asked);
  return isOfBrowser(asked) && !asksLeave ? forbidden(asked) : undefined;
}

/**
 * Puts the guard before a handler: what is refused never reaches it, and its answers are marked as not for other
 * origins. No CORS header is ever added.
 */
export function guarded<Rest extends unknown[]>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  surface: Surface,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    const refusal = refusalOf(askedOf(request), surface) ?? strangerOf(request, surface);
    const response = refusal === undefined
      ? await handler(request, ...rest)
      : Response.json(errorBody(refusal.status, refusal), { status: refusal.status });
    response.headers.set("x-content-type-options", "nosniff");
    response.headers.set("cross-origin-resource-policy", "same-origin");
    return response;
  };
}

function strangerOf(request: Request, { peer }: Surface): Refusal | undefined {
  if (peer?.secret === undefined) return undefined;
  if (isPeer(request.headers.get(PEER_HEADER) ?? undefined, peer.secret)) return undefined;
  if (peer.open.includes(new URL(request.url).pathname)) return undefined;
  return {
    status: 403,
    code: "not_through_envoy",
    message: "Cannot answer here: this port answers its own Envoy only; ask at Envoy's ingress",
  };
}

function askedOf(request: Request): Asked {
  const host = request.headers.get("host");
  // A Host that is none makes the URL none: what is left of it is no name of anybody's.
  const named = URL.parse(request.url)?.host ?? request.url;
  const authorities = [named, ...(host === null ? [] : [host])];
  return {
    method: request.method,
    authorities,
    header: (name) => request.headers.get(name) ?? undefined,
  };
}

function isNameOf(authority: string, { host, names = [] }: Surface): boolean {
  const name = nameOf(authority);
  if (name === undefined) return false;
  if (isLoopback(name)) return true;
  const bound = host.toLowerCase();
  if ((bound === "0.0.0.0" || bound === "::") && isIP(name) !== 0) return true;
  return name === bound || names.some((known) => known.toLowerCase() === name);
}

/** The host of `host[:port]` without brackets, in lower case; undefined for anything else. */
function nameOf(authority: string): string | undefined {
  const [, literal, name] = /^(?:\[([0-9a-f:.]+)\]|([^:@/\s,]+))(?::\d*)?$/i.exec(authority) ?? [];
  return (literal ?? name?.replace(/\.$/, ""))?.toLowerCase();
}

function isOfPage({ authorities, header }: Asked): boolean {
  const site = header("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") return true;
  const origin = header("origin");
  if (origin === undefined) return false;
  return !authorities.some((authority) =>
    origin === `http://${authority}` || origin === `https://${authority}`
  );
}

function isOfBrowser({ header }: Asked): boolean {
  return OF_BROWSERS.some((name) => header(name) !== undefined) ||
    /^mozilla\//i.test(header("user-agent") ?? "");
}

/** Whether a browser had to ask before: for a content type or a header beyond the ones of forms. */
function isPreflighted(
  { header }: Asked,
  { ownHeaders = [OWN_HEADER, "authorization"] }: Surface,
): boolean {
  return /^application\/json\s*(;|$)/i.test(header("content-type") ?? "") ||
    ownHeaders.some((name) => header(name) !== undefined);
}

function misdirected(authority: string | undefined): Refusal {
  const said = authority === undefined ? "no Host" : `the Host "${short(authority)}"`;
  return {
    status: 421,
    code: "misdirected_request",
    message:
      `Cannot answer for ${said}: it must be a loopback address, localhost, or a name of this listener`,
  };
}

function forbidden({ method, header }: Asked): Refusal {
  const origin = header("origin");
  const from = origin === undefined ? "a web page" : `a web page of "${short(origin)}"`;
  return {
    status: 403,
    code: "foreign_origin",
    message: `Cannot take a ${
      short(method)
    } of ${from}: only pages of this listener itself may, with content-type: application/json or ${OWN_HEADER}`,
  };
}

function short(text: string): string {
  return text.length > ECHO_CHARACTERS ? `${text.slice(0, ECHO_CHARACTERS)}…` : text;
}
