import { loadModule, messageOf, now, UnavailableError, UsageError } from "../service/mod.ts";
import { SCRIPT_SCHEMA } from "./scripts/schema.ts";
import type { UpstreamExchange } from "./types.ts";
import type { Upstream } from "./upstream.ts";

/** Where the control plane lives; the data port never serves it. */
export const CONTROL_PREFIX = "/__mock/";

/** Longest wait that one call may ask for. */
const MAX_WAIT_MS = 120_000;

/** What the control plane steers: one upstream, or several that act as one. */
export interface ControlledUpstream extends Pick<Upstream, "scripts" | "barriers" | "reset"> {
  readonly journal: Pick<Upstream["journal"], "entries" | "waitFor" | "dropped">;
}

interface Call {
  readonly upstream: ControlledUpstream;
  readonly request: Request;
  readonly query: URLSearchParams;
  readonly parts: readonly string[];
}

interface Route {
  readonly method: string;
  /** Path segments after the prefix; `:name` takes one. */
  readonly path: string;
  readonly run: (call: Call) => Response | Promise<Response>;
}

const ROUTES: readonly Route[] = [
  { method: "GET", path: "scripts", run: ({ upstream }) => json(200, upstream.scripts.ids()) },
  { method: "PUT", path: "scripts/:id", run: putScript },
  { method: "GET", path: "scripts/:id", run: getScript },
  { method: "DELETE", path: "scripts/:id", run: deleteScript },
  { method: "POST", path: "barriers/:nonce/:name/release", run: releaseBarrier },
  { method: "GET", path: "barriers/:nonce/:name/arrival", run: awaitArrival },
  { method: "GET", path: "journal", run: journal },
  { method: "DELETE", path: "nonces/:nonce", run: resetNonce },
];

/**
 * Returns a fetch-style handler for `/__mock/*`, for the harness's control listener to mount.
 * Unknown paths get 404; secrets in request heads are redacted.
 */
export function controlHandler(
  upstream: ControlledUpstream,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith(CONTROL_PREFIX)) return problem(404, "Not a control path");
    const parts = url.pathname.slice(CONTROL_PREFIX.length).split("/").map(decodeURIComponent);
    const found = ROUTES.filter((route) => fits(route.path, parts));
    const route = found.find((candidate) => candidate.method === request.method);
    if (!route) {
      if (found.length === 0) return problem(404, `Unknown control path "${url.pathname}"`);
      const allow = found.map((candidate) => candidate.method).join(", ");
      return problem(405, `Method not allowed: use ${allow}`, { allow });
    }
    try {
      return await route.run({ upstream, request, query: url.searchParams, parts });
    } catch (error) {
      if (error instanceof UnavailableError) return problem(504, error.message);
      if (error instanceof UsageError) return problem(400, error.message);
      return problem(500, messageOf(error));
    }
  };
}

/**
 * Returns one exchange as a line of JSON, without its end of line. Values of `authorization`,
 * `cookie` and API key headers are replaced, in the list and in the raw head.
 */
export function exchangeLine(exchange: UpstreamExchange): string {
  const headers = exchange.headers.map(([name, value]) => [name, redact(name, value)]);
  const rawHead = exchange.rawHead?.replace(
    /^([^:\r\n]+)(:[ \t]*)([^\r\n]*)/gm,
    (line, name: string, colon: string, value: string) =>
      SECRET.test(name) ? `${name}${colon}${redact(name, value)}` : line,
  );
  return JSON.stringify({ ...exchange, headers, ...(rawHead === undefined ? {} : { rawHead }) });
}

/** Header names whose values are credentials. */
const SECRET = /^(proxy-)?authorization$|^(set-)?cookie$|api-?key|token$|secret/i;

/** Returns a header's value as it may be shown: credentials keep their scheme only. */
export function redact(name: string, value: string): string {
  if (!SECRET.test(name)) return value;
  const scheme = /^(Bearer|Basic) /i.exec(value);
  return `${scheme ? scheme[0] : ""}[redacted]`;
}

async function putScript({ upstream, request, parts }: Call): Promise<Response> {
  const id = parts[1] ?? "";
  const known = upstream.scripts.get(id) !== undefined;
  const schema = SCRIPT_SCHEMA;
  // Loaded here: most runs read no YAML.
  const { parseData } = await loadModule<typeof import("../data_files/mod.ts")>(
    "data_files/mod.ts",
  );
  const kind = { what: "script", name: "script.yaml", docs: "docs/upstream.md", schema };
  upstream.scripts.set(id, parseData(kind, await request.text(), `script "${id}"`));
  return json(known ? 200 : 201, { id });
}

function getScript({ upstream, parts }: Call): Response {
  const script = upstream.scripts.get(parts[1] ?? "");
  return script ? json(200, script) : problem(404, `No script "${parts[1]}"`);
}

function deleteScript({ upstream, parts }: Call): Response {
  const deleted = upstream.scripts.delete(parts[1] ?? "");
  return deleted ? new Response(null, { status: 204 }) : problem(404, `No script "${parts[1]}"`);
}

function releaseBarrier({ upstream, parts }: Call): Response {
  upstream.barriers.release(`${parts[1]}/${parts[2]}`);
  return new Response(null, { status: 204 });
}

async function awaitArrival({ upstream, parts, query, request }: Call): Promise<Response> {
  await upstream.barriers.arrival(`${parts[1]}/${parts[2]}`, {
    count: Math.max(1, Number(query.get("count") ?? 1) || 1),
    deadlineMs: waitOf(query),
    signal: request.signal,
  });
  return new Response(null, { status: 204 });
}

/**
 * `GET /__mock/journal`: JSON lines, oldest first; `nonce`, `request_id`, `limit` choose, and
 * `wait=end` waits until the chosen exchange has ended. The clock of the times is in `x-mock-now`.
 */
async function journal({ upstream, query, request }: Call): Promise<Response> {
  const nonce = query.get("nonce");
  const requestId = query.get("request_id");
  const chosen = (exchange: UpstreamExchange) =>
    (nonce === null || exchange.nonce === nonce) &&
    (requestId === null || exchange.requestId === requestId);
  if (query.get("wait") === "end") {
    await upstream.journal.waitFor((entry) => chosen(entry) && entry.end !== undefined, {
      deadlineMs: waitOf(query),
      signal: request.signal,
    });
  }
  const limit = Number(query.get("limit") ?? Infinity) || Infinity;
  const entries = upstream.journal.entries().filter(chosen);
  const lines = entries.slice(-Math.min(limit, entries.length || 1)).map(exchangeLine);
  return new Response(lines.map((line) => `${line}\n`).join(""), {
    headers: {
      "content-type": "application/x-ndjson",
      "x-mock-now": String(now()),
      "x-mock-dropped": String(upstream.journal.dropped),
    },
  });
}

function resetNonce({ upstream, parts }: Call): Response {
  upstream.reset(parts[1] ?? "");
  return new Response(null, { status: 204 });
}

function waitOf(query: URLSearchParams): number {
  const asked = Number(query.get("deadline_ms") ?? 30_000);
  return Number.isFinite(asked) ? Math.min(MAX_WAIT_MS, Math.max(1, asked)) : 30_000;
}

function fits(pattern: string, parts: readonly string[]): boolean {
  const wanted = pattern.split("/");
  return wanted.length === parts.length &&
    wanted.every((part, i) => part.startsWith(":") ? parts[i] !== "" : part === parts[i]);
}

function json(status: number, body: unknown): Response {
  return Response.json(body, { status });
}

function problem(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ error: { message } }, { status, headers });
}
