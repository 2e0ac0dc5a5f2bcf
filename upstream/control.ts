/** The control plane of the mock. */
import {
  bodyOf,
  type ControlCall,
  type ControlRoute,
  controlRoutes,
  done,
  Problem,
  waitOf,
} from "../local_http/mod.ts";
import { loadPatterns } from "../patterns/mod.ts";
import { loadModule, now, redactedHead, redactedHeader, redactedTarget } from "../service/mod.ts";
import { NAMED_REPLY, SCENARIO_FILE } from "./scripts/scenario_schema.ts";
import { SCRIPT_SCHEMA } from "./scripts/schema.ts";
import type { NamedReply, UpstreamExchange } from "./types.ts";
import type { Upstream } from "./upstream.ts";

/** Where the control plane lives; the data port never serves it. */
export const CONTROL_PREFIX = "/__mock/";

/** The upstream that the control plane steers: one, or several that act as one. */
export interface ControlledUpstream
  extends Pick<Upstream, "scripts" | "scenarios" | "barriers" | "reset"> {
  readonly journal: Pick<Upstream["journal"], "entries" | "waitFor" | "dropped" | "clear">;
}

type Call = ControlCall<ControlledUpstream>;

const SCRIPT = {
  what: "script",
  name: "script.yaml",
  docs: "docs/upstream.md",
  schema: SCRIPT_SCHEMA,
};

const ROUTES: readonly ControlRoute<ControlledUpstream>[] = [
  { method: "GET", path: "scripts", run: ({ part }) => Response.json(part.scripts.ids()) },
  { method: "PUT", path: "scripts/:id", run: putScript },
  { method: "GET", path: "scripts/:id", run: getScript },
  { method: "DELETE", path: "scripts/:id", run: deleteScript },
  { method: "GET", path: "scenarios", run: ({ part }) => Response.json(part.scenarios.names()) },
  { method: "PUT", path: "scenarios/:name", run: putScenario },
  { method: "DELETE", path: "scenarios/:name", run: deleteScenario },
  { method: "DELETE", path: "scenarios", run: clearScenarios },
  { method: "POST", path: "barriers/:nonce/:name/release", run: releaseBarrier },
  { method: "GET", path: "barriers/:nonce/:name/arrival", run: awaitArrival },
  { method: "GET", path: "journal", run: journal },
  { method: "DELETE", path: "journal", run: clearJournal },
  { method: "DELETE", path: "nonces/:nonce", run: resetNonce },
];

/**
 * Returns a fetch-style handler for `/__mock/*`, for the harness's control listener to mount.
 * Unknown paths get 404; secrets in request heads are redacted.
 */
export function controlHandler(
  upstream: ControlledUpstream,
): (request: Request) => Promise<Response> {
  return controlRoutes(CONTROL_PREFIX, ROUTES, upstream);
}

/**
 * Returns one exchange as a line of JSON, without its end of line and without credentials: in the headers, in the raw
 * head, and in the target's query.
 */
export function exchangeLine(exchange: UpstreamExchange): string {
  const { ask: _, ...shown } = exchange;
  const { rawHead } = shown;
  return JSON.stringify({
    ...shown,
    target: redactedTarget(exchange.target),
    headers: exchange.headers.map(([name, value]) => [
      name,
      name === ":path" ? redactedTarget(value) : redactedHeader(name, value),
    ]),
    ...(rawHead === undefined ? {} : { rawHead: redactedHead(rawHead) }),
  });
}

/** Sets a script, or a `reply` or an `error` in place of its steps. */
async function putScript({ part: upstream, request, params: { id = "" } }: Call) {
  const known = upstream.scripts.get(id) !== undefined;
  // Loaded here: most runs read no YAML.
  const { parseData, readDocument } = await loadModule<typeof import("../data_files/mod.ts")>(
    "data_files/mod.ts",
  );
  const what = `script "${id}"`;
  const text = await bodyOf(request);
  const { value } = readDocument(text, { what: "script", file: what });
  const isReply = typeof value === "object" && value !== null &&
    ("reply" in value || "error" in value);
  upstream.scripts.set(
    id,
    isReply ? parseData(NAMED_REPLY, text, what) as NamedReply : parseData(SCRIPT, text, what),
  );
  return Response.json({ id }, { status: known ? 200 : 201 });
}

function getScript({ part: upstream, params: { id = "" } }: Call): Response {
  const script = upstream.scripts.get(id);
  if (script === undefined) throw new Problem(404, `No script "${id}"`);
  return Response.json(script);
}

function deleteScript({ part: upstream, params: { id = "" } }: Call): Response {
  if (upstream.scripts.delete(id)) return done();
  throw new Problem(404, `No script "${id}"`);
}

/** Sets a scenario: what one file of a scenarios folder holds. */
async function putScenario({ part: upstream, request, params: { name = "" } }: Call) {
  const known = upstream.scenarios.names().includes(name);
  const { parseData } = await loadModule<typeof import("../data_files/mod.ts")>(
    "data_files/mod.ts",
  );
  await loadPatterns();
  const written = parseData(SCENARIO_FILE, await bodyOf(request), `scenario "${name}"`);
  upstream.scenarios.set(name, { ...written, name });
  return Response.json({ name }, { status: known ? 200 : 201 });
}

function deleteScenario({ part: upstream, params: { name = "" } }: Call): Response {
  if (upstream.scenarios.delete(name)) return done();
  throw new Problem(404, `No scenario "${name}" was set`);
}

function clearScenarios({ part: upstream }: Call): Response {
  upstream.scenarios.clear();
  return done();
}

function clearJournal({ part: upstream }: Call): Response {
  upstream.journal.clear();
  return done();
}

function releaseBarrier({ part: upstream, params: { nonce, name } }: Call): Response {
  upstream.barriers.release(`${nonce}/${name}`);
  return done();
}

async function awaitArrival({ part: upstream, params, query, request }: Call): Promise<Response> {
  await upstream.barriers.arrival(`${params["nonce"]}/${params["name"]}`, {
    count: Math.max(1, Number(query.get("count") ?? 1) || 1),
    deadlineMs: waitOf(query),
    signal: request.signal,
  });
  return done();
}

/**
 * `GET /__mock/journal`: JSON lines, oldest first; `nonce`, `request_id`, `limit` choose, and
 * `wait=end` waits until the chosen exchange has ended, or `count` of them. The clock of the times is in `x-mock-now`.
 */
async function journal({ part: upstream, query, request }: Call): Promise<Response> {
  const nonce = query.get("nonce");
  const requestId = query.get("request_id");
  const chosen = (exchange: UpstreamExchange) =>
    (nonce === null || exchange.nonce === nonce) &&
    (requestId === null || exchange.requestId === requestId);
  if (query.get("wait") === "end") {
    const count = Math.max(1, Number(query.get("count") ?? 1) || 1);
    const ended = (entry: UpstreamExchange) => chosen(entry) && entry.end !== undefined;
    const enough = () => upstream.journal.entries().filter(ended).length >= count;
    await upstream.journal.waitFor((entry) => ended(entry) && enough(), {
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

function resetNonce({ part: upstream, params: { nonce = "" } }: Call): Response {
  upstream.reset(nonce);
  return done();
}
