/** About the gateway itself: `/health`, `/metrics`, and the models that its model server lists. */
import { Hono } from "hono";
import { now } from "../../service/mod.ts";
import { ApiError, notFound } from "../api/errors.ts";
import type { Resource, RouteEnv } from "../api/resource.ts";
import type { Backend, BackendState } from "../backend/backend.ts";
import type { ResponsesMetrics } from "../metrics.ts";

/** How long, in milliseconds, the model server's state is taken as known: probes need no key. */
const STATE_MS = 1_000;

/** Options of the routes. */
export interface AboutOptions {
  readonly backend: Pick<Backend, "state">;
  readonly metrics: Pick<ResponsesMetrics, "backend" | "text">;
  /** Milliseconds; the system's monotonic clock when left out. */
  readonly clock?: () => number;
}

/** Returns the routes; why a model server is down is the operator's to know, and stands in the log. */
export function about({ backend, metrics, clock = now }: AboutOptions): Resource {
  const routes = new Hono<RouteEnv>();
  let known: { readonly at: number; readonly state: Promise<BackendState> } | undefined;
  const stateOf = async () => {
    if (known === undefined || clock() - known.at > STATE_MS) {
      known = { at: clock(), state: backend.state() };
    }
    const state = await known.state;
    metrics.backend(state.reachable);
    return state;
  };
  const modelsOf = async () => {
    const { reachable, models } = await stateOf();
    if (reachable) return models.map(modelOf);
    throw new ApiError(503, "backend_unavailable", "The model server cannot be reached");
  };

  routes.get("/health", async (context) => {
    const { reachable, models } = await stateOf();
    // The gateway is healthy without its model server: files and stored responses are still there.
    return context.json({
      status: "healthy",
      backend: { status: reachable ? "up" : "down", models: models.length },
    });
  });
  routes.get("/metrics", async (context) =>
    context.body(await metrics.text(), 200, {
      "content-type": "text/plain; version=0.0.4; charset=utf-8",
    }));
  routes.get(
    "/v1/models",
    async (context) => context.json({ object: "list", data: await modelsOf() }),
  );
  // Names of models have slashes in them.
  routes.get("/v1/models/:id{.+}", async (context) => {
    const id = context.req.param("id");
    const model = (await modelsOf()).find((listed) => listed.id === id);
    if (model === undefined) throw notFound("model", id);
    return context.json(model);
  });
  return {
    path: "/",
    routes,
    operations: {
      "GET /health": { summary: "How the gateway and its model server are" },
      "GET /metrics": { summary: "Metrics for Prometheus", answers: ["text/plain"] },
      "GET /v1/models": { summary: "The models of the model server" },
      "GET /v1/models/{id}": { summary: "One of them" },
    },
  };
}

function modelOf(id: string) {
  return { id, object: "model", created: 0, owned_by: "model_server" } as const;
}
