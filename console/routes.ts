/** The data API, `/api/v1`, as a table: each route says what it is for. */
import { z } from "zod";
import type { Faults } from "./faults.ts";
import { changesOf } from "./changes.ts";
import type { CheckRuns } from "./check_runs.ts";
import { detailOf } from "./detail.ts";
import type { ConsoleFeed } from "./feed.ts";
import { exportOf, EXPORTS } from "./exports.ts";
import { HEADERS } from "./headers.ts";
import { NotThere } from "./not_there.ts";
import type { RulesBench } from "./rules_bench.ts";
import type { ConsoleOptions } from "./options.ts";
import { play, sendAgain } from "./send.ts";
import type { StateShown } from "./shown.ts";
import { traceAt, tracesOf } from "./traces.ts";

/** The parts that the API is about. */
export interface ApiParts {
  readonly options: ConsoleOptions;
  readonly feed: ConsoleFeed;
  readonly faults: Faults;
  readonly rules: RulesBench;
  readonly checks: CheckRuns;
}

/** One call of the API. */
interface Call<Body> {
  readonly parts: ApiParts;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Body;
  readonly request: Request;
}

/** One route of the API. */
export interface ApiRoute {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below `/api/v1`; `:name` takes one segment. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: z.ZodType;
  /** Media type of the answer; JSON when left out. */
  readonly answers?: string;
  // deno-lint-ignore no-explicit-any -- the body is what the route's own schema read
  readonly run: (call: Call<any>) => unknown;
}

const TEXT = z.strictObject({ text: z.string().max(1_000_000).describe("Rules, YAML") });
const REQUEST = z.strictObject({
  method: z.string().default("POST"),
  path: z.string().default("/v1/chat/completions"),
  host: z.string().optional(),
  source: z.string().optional().describe("The client's address"),
  principal: z.string().optional(),
  headers: z.record(z.string().toLowerCase(), z.string()).default({}),
});

/** Every route; the page and docs/console.md follow it. */
export const ROUTES: readonly ApiRoute[] = [
  {
    method: "GET",
    path: "/state",
    summary: "Profile, addresses, configuration, what this gateway has, and the faults that are on",
    run: ({ parts: { options, faults } }): StateShown => ({
      ...options.facts(),
      has: {
        rules: options.policy?.rules !== undefined,
        tap: options.tap !== undefined,
        check: options.startCheck !== undefined,
        trends: options.trends !== undefined,
        limits: options.limits !== undefined,
        traces: options.traces !== undefined,
        write: options.isWritable ?? false,
      },
      faults: faults.list().filter(({ on }) => on),
    }),
  },
  {
    method: "GET",
    path: "/requests",
    summary: "Rows that changed after a cursor, oldest change first",
    query: { after: "a cursor; all rows when left out", limit: "newest rows that are told, 500" },
    run: ({ parts: { feed }, query }) => {
      const { requests, ...batch } = feed.since(query.get("after") ?? "");
      const limit = Math.min(Number(query.get("limit") ?? 500) || 500, 2_000);
      return { ...batch, requests: requests.slice(-limit) };
    },
  },
  {
    method: "GET",
    path: "/requests/:id",
    summary: "Everything that is known of one request",
    run: ({ parts, params }) =>
      detailOf(rowAt(parts, params), {
        policy: parts.options.policy,
        ingress: parts.options.facts().ingress,
        lane: parts.options.lane,
      }),
  },
  {
    method: "GET",
    path: "/requests/:id/export/:kind",
    summary: `A request as a text to keep: ${Object.keys(EXPORTS).join(", ")}`,
    answers: "text/plain",
    run: ({ parts, params }) => text(exportOf(params.kind ?? "", rowAt(parts, params))),
  },
  {
    method: "POST",
    path: "/requests/:id/replay",
    summary: "Sends a request again through the gateway, under an id that names it",
    run: ({ parts: { options, ...parts }, params }) =>
      sendAgain(rowAt(parts, params), {
        ingress: options.facts().ingress,
        policy: options.policy,
      }),
  },
  {
    method: "GET",
    path: "/events",
    summary: "Changes as Server-Sent Events: requests, dropped, reset; the ids are cursors",
    query: { after: "a cursor, in place of the header last-event-id" },
    answers: "text/event-stream",
    run: ({ parts: { feed }, query, request }) =>
      changesOf(feed, query.get("after") ?? request.headers.get("last-event-id") ?? ""),
  },
  {
    method: "GET",
    path: "/rules",
    summary: "The rules in force",
    run: ({ parts: { rules } }) => rules.current(),
  },
  {
    method: "PUT",
    path: "/rules",
    summary: "Puts rules in force, and into their file: only with --console-write",
    body: TEXT,
    run: ({ parts: { rules }, body }) => rules.save(body.text),
  },
  {
    method: "POST",
    path: "/rules/check",
    summary: "Reads rules and tells what is wrong with them: line, column, message",
    body: TEXT,
    run: async ({ parts: { rules }, body }) => ({ problems: await rules.check(body.text) }),
  },
  {
    method: "POST",
    path: "/rules/explain",
    summary: "Decides a request by rules, those in force without a text, and says why",
    body: z.strictObject({ text: z.string().optional(), request: REQUEST }),
    run: ({ parts: { rules }, body }) => rules.explain(body.request, body.text),
  },
  {
    method: "POST",
    path: "/rules/dry-run",
    summary: "Decides the recent requests again by other rules",
    body: TEXT,
    run: ({ parts: { rules }, body }) => rules.dryRun(body.text),
  },
  {
    method: "GET",
    path: "/faults",
    summary: "Every switch, and which are on",
    run: ({ parts: { faults } }) => faults.list(),
  },
  {
    method: "PUT",
    path: "/faults/:name",
    summary: "Switches a fault on, in place of another one of its plane; it ends by itself",
    body: z.strictObject({
      tenant: z.string().max(200).optional().describe("For this tenant alone"),
      seconds: z.number().min(1).max(300).optional(),
    }),
    run: async ({ parts: { faults }, params, body }) => {
      const ms = body.seconds === undefined ? {} : { ms: body.seconds * 1_000 };
      await faults.on(params.name ?? "", { tenant: body.tenant ?? "", ...ms });
      return faults.list();
    },
  },
  {
    method: "DELETE",
    path: "/faults/:name",
    summary: "Switches a fault off",
    run: async ({ parts: { faults }, params }) => {
      await faults.off(params.name ?? "");
      return faults.list();
    },
  },
  {
    method: "POST",
    path: "/playground",
    summary: "Sends a request through the ingress; its answer comes as it is",
    body: z.strictObject({
      path: z.string(),
      key: z.string().optional(),
      body: z.unknown().optional().describe("Left out: a GET"),
    }),
    answers: "*/*",
    run: async ({ parts: { options }, body, request }) => {
      const answer = await play(options.facts().ingress, body, request.signal);
      const type = answer.headers.get("content-type") ?? "application/octet-stream";
      return new Response(answer.body, {
        status: answer.status,
        headers: { ...HEADERS, "content-type": type, ...shownHeaders(answer) },
      });
    },
  },
  {
    method: "GET",
    path: "/hosts",
    summary: "The hosts of each cluster, as Envoy's admin interface tells them",
    run: ({ parts: { options } }) => options.hosts?.() ?? [],
  },
  {
    method: "GET",
    path: "/config",
    summary: "The configuration's file, what was set at launch, its hashes, and findings of lint",
    run: ({ parts: { options } }) =>
      options.config?.() ?? missing("This console has no configuration"),
  },
  {
    method: "GET",
    path: "/trends",
    summary: "Requests, errors, first byte and tokens over time, of the call log",
    query: { since: "15m, 1h, 24h, 30d", by: "tenant, model or nothing" },
    run: ({ parts: { options }, query }) =>
      options.trends?.({ since: query.get("since") ?? "1h", by: query.get("by") ?? "" }) ??
        missing("Trends need a call log: start with --call-log FILE"),
  },
  {
    method: "GET",
    path: "/limits",
    summary: "The last 200 decisions of the rate-limit service, newest first",
    run: ({ parts: { options } }) =>
      options.limits?.().slice(-200).reverse() ?? missing("This gateway has no limits service"),
  },
  {
    method: "GET",
    path: "/traces",
    summary: "The newest traces that the collector has, newest first",
    query: { request: "id of a request: its traces alone" },
    run: ({ parts: { options }, query }) =>
      tracesOf(options.traces ?? noTraces(), query.get("request") ?? ""),
  },
  {
    method: "GET",
    path: "/traces/:id",
    summary: "One trace: its spans in the order of the tree, and log records",
    run: ({ parts: { options }, params }) => traceAt(options.traces ?? noTraces(), params.id ?? ""),
  },
  {
    method: "GET",
    path: "/check",
    summary: "The newest run of the suite: its progress, and what it found",
    run: ({ parts: { checks } }) => checks.state(),
  },
  {
    method: "POST",
    path: "/check",
    summary: "Runs the conformance suite, or a part of it, on a stack of its own",
    body: z.strictObject({ case: z.string().max(200).optional().describe("Glob of ids") }),
    run: ({ parts: { checks }, body }) => checks.start(body.case ?? ""),
  },
  {
    method: "DELETE",
    path: "/check",
    summary: "Ends the run",
    run: ({ parts: { checks } }) => checks.stop(),
  },
  {
    method: "GET",
    path: "/check/report",
    summary: "The report of the newest run",
    answers: "text/html",
    run: ({ parts: { checks } }) => checks.report(),
  },
];

function noTraces(): never {
  return missing("This gateway has no collector of its own: the profile edge starts one");
}

function missing(message: string): never {
  throw new NotThere(message);
}

function rowAt({ feed }: Pick<ApiParts, "feed">, { id = "" }: Readonly<Record<string, string>>) {
  return feed.one(id) ?? missing("No request of this id is known any more");
}

function text(content: string): Response {
  return new Response(content, {
    headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" },
  });
}

/** Headers of an answer that a client of the gateway would look at. */
function shownHeaders(answer: Response): Record<string, string> {
  const shown = ["x-request-id", "x-llm-deny-code", "retry-after", "www-authenticate"];
  return Object.fromEntries(
    shown.flatMap((name) => {
      const value = answer.headers.get(name);
      // A browser would ask for a password where it sees a challenge.
      return value === null ? [] : [[name === "www-authenticate" ? `x-${name}` : name, value]];
    }),
  );
}
