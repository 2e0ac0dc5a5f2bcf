/** Routes of the control listener. */
import { Hono } from "hono";
import { serveLocal } from "../local_http/mod.ts";
import { CONTROL_PREFIX as POLICY_PREFIX, policyControlHandler } from "../policy/mod.ts";
import { CONTROL_PREFIX, controlHandler, exchangeLine } from "../upstream/mod.ts";
import type { ControlledParts, ControlOptions, ControlServer } from "./control.ts";

/** Content type of the Prometheus text format, version 0.0.4. */
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/** Serves the control listener's routes: no foreign page or name reaches them, and no flood ends them. */
export function serveControl(options: ControlOptions): ControlServer {
  const app = controlApp(options);
  return serveLocal((request) => app.fetch(request), { host: options.host, port: options.port });
}

/** Returns the control listener's routes. */
export function controlApp(
  { policy, upstream, backends = [], metrics = [], paths = {}, console: open }: ControlledParts,
): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/metrics", async (context) => {
    const parts = await Promise.all([
      policy?.metrics(),
      // Several mocks would count under the same names.
      ...(backends.length === 1 ? backends : []).map((backend) => backend.metrics()),
      ...metrics.map((read) => read()),
    ]);
    const text = oneEach(parts.filter((part) => part !== undefined));
    return context.body(text, 200, { "content-type": PROMETHEUS });
  });
  if (policy) {
    app.get(
      "/journal/policy",
      (context) => context.body(lines(policy.journal.entries(), JSON.stringify)),
    );
  }
  if (policy) {
    const control = policyControlHandler(policy);
    app.all(`${POLICY_PREFIX}*`, (context) => control(context.req.raw));
  }
  if (upstream) {
    app.get(
      "/journal/upstream",
      (context) => context.body(lines(upstream.journal.entries(), exchangeLine)),
    );
    const control = controlHandler(upstream);
    app.all(`${CONTROL_PREFIX}*`, (context) => control(context.req.raw));
  }
  app.get("/journal/backends/:endpoint", (context) => {
    const endpoint = context.req.param("endpoint");
    const one = backends.find(({ host, port }) => `${host}:${port}` === endpoint);
    return one === undefined
      ? context.notFound()
      : context.body(lines(one.journal.entries(), exchangeLine));
  });
  for (const [path, answer] of Object.entries(paths)) {
    app.all(path, (context) => answer(context.req.raw));
  }
  app.notFound(async (context) => {
    const page = await open?.();
    const shown = await page?.handle(context.req.raw);
    return shown ?? context.json({
      error: {
        message:
          "Unknown path: there are / (the console), /api/v1/, /healthz, /metrics, /journal/policy, /journal/upstream, /journal/backends/HOST:PORT, /__policy/, /__mock/",
        type: "invalid_request_error",
        param: null,
        code: "not_found",
      },
    }, 404);
  });
  return app;
}

/** Joins metrics; of a family that two parts have, the first one's: a scrape with both would be refused as a whole. */
function oneEach(texts: readonly string[]): string {
  const known = new Set<string>();
  return texts.map((text) => {
    const own = new Set<string>();
    const families = text.split(/^(?=# HELP )/m).filter((family) => {
      const name = /^# HELP (\S+)/.exec(family)?.[1] ?? "";
      own.add(name);
      return name === "" || !known.has(name);
    });
    for (const name of own) known.add(name);
    return families.join("");
  }).filter((text) => text !== "").join("\n");
}

/** One entry a line, oldest first (https://jsonlines.org). */
function lines<T>(entries: readonly T[], format: (entry: T) => string): string {
  return entries.map((entry) => `${format(entry)}\n`).join("");
}
