import { Hono } from "hono";
import {
  CONTROL_PREFIX as POLICY_PREFIX,
  type Policy,
  policyControlHandler,
} from "../policy/mod.ts";
import type { Responses } from "../responses/mod.ts";
import type { Router } from "../router/mod.ts";
import { CONTROL_PREFIX, controlHandler, exchangeLine, type Upstream } from "../upstream/mod.ts";
import type { BackendPool } from "./backend_pool.ts";

/** The harness's own listener: health, metrics, journals, and the mock's control plane. */
export interface ControlServer extends AsyncDisposable {
  /** `http://127.0.0.1:9003` */
  readonly url: string;
  readonly port: number;
}

/** Options of `startControl`. */
export interface ControlOptions {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly policy: Policy | undefined;
  readonly upstream: Upstream | undefined;
  readonly router?: Router | undefined;
  readonly responses?: Responses | undefined;
  /** The mock backends of the router. */
  readonly pool?: BackendPool | undefined;
}

/** Content type of the Prometheus text format, version 0.0.4. */
const PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Starts the control listener. It stands apart from the data ports, so that nothing a client can
 * reach through the gateway steers the mock or reads a journal. Resolves when it listens.
 */
export function startControl(options: ControlOptions): ControlServer {
  const server = Deno.serve(
    { hostname: options.host, port: options.port, onListen: () => {} },
    controlApp(options).fetch,
  );
  const { port } = server.addr;
  return {
    url: `http://${options.host}:${port}`,
    port,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** The control listener's routes. */
export function controlApp(
  { policy, upstream, router, responses, pool }: Pick<
    ControlOptions,
    "policy" | "upstream" | "router" | "responses" | "pool"
  >,
): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.json({ status: "ok" }));
  app.get("/metrics", async (context) => {
    const parts = await Promise.all([
      policy?.metrics(),
      upstream?.metrics.metrics(),
      router?.metrics(),
      responses?.metrics(),
    ]);
    return context.body(parts.filter(Boolean).join("\n"), 200, { "content-type": PROMETHEUS });
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
  const seen = pool ?? upstream;
  if (seen) {
    app.get(
      "/journal/upstream",
      (context) => context.body(lines(seen.journal.entries(), exchangeLine)),
    );
    const control = controlHandler(seen);
    app.all(`${CONTROL_PREFIX}*`, (context) => control(context.req.raw));
  }
  app.get("/journal/backends/:endpoint", (context) => {
    const endpoint = context.req.param("endpoint");
    const one = pool?.backends.find(({ host, port }) => `${host}:${port}` === endpoint);
    return one === undefined
      ? context.notFound()
      : context.body(lines(one.journal.entries(), exchangeLine));
  });
  app.notFound((context) =>
    context.json({
      error: {
        message:
          "Unknown path: there are /healthz, /metrics, /journal/policy, /journal/upstream, /journal/backends/HOST:PORT, /__policy/, /__mock/",
        type: "invalid_request_error",
        param: null,
        code: "not_found",
      },
    }, 404)
  );
  return app;
}

/** One entry a line, oldest first (https://jsonlines.org). */
function lines<T>(entries: readonly T[], format: (entry: T) => string): string {
  return entries.map((entry) => `${format(entry)}\n`).join("");
}
