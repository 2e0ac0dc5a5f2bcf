/** The HTTP front. */
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { messageOf } from "../../service/mod.ts";
import { ApiError, invalidRequest } from "../api/errors.ts";
import type { Resource, RouteEnv } from "../api/resource.ts";
import { openApiOf } from "./openapi.ts";
import { DEFAULT_TENANT, type Tenant, TENANT_HEADER } from "../api/tenant.ts";

/** Options of `httpApp`. */
export interface HttpOptions {
  /** Routes, in the order in which they are matched. */
  readonly resources: readonly Resource[];
  /** The tenant of requests without `x-tenant`; "default" when left out. */
  readonly defaultTenant?: Tenant;
  /** Called for failures that are the gateway's own fault, which the caller only sees as a 500. */
  readonly onError?: (error: unknown, request: Request) => void;
}

/** A tenant is a short word: policy's own, never a client's. */
const TENANT = /^[\x21-\x7e]{1,128}$/;

/**
 * The HTTP front: the resources under one app, every error OpenAI-shaped, every request with its tenant. It trusts
 * `x-tenant`, so only Envoy may reach its port.
 */
export function httpApp(options: HttpOptions): Hono<RouteEnv> {
  const { resources, defaultTenant = DEFAULT_TENANT, onError } = options;
  const app = new Hono<RouteEnv>({ strict: false });
  app.use("*", async (context, next) => {
    const tenant = context.req.header(TENANT_HEADER) ?? defaultTenant;
    if (!TENANT.test(tenant)) {
      throw invalidRequest(`${TENANT_HEADER} must be 1 to 128 visible ASCII characters`);
    }
    context.set("tenant", tenant);
    await next();
  });
  for (const { path, routes } of resources) app.route(path, routes);
  let document: unknown;
  app.get("/openapi.json", (context) => context.json(document ??= openApiOf(resources)));
  app.notFound((context) =>
    context.json(
      new ApiError(404, "not_found", `Invalid URL (${context.req.method} ${context.req.path})`)
        .body(),
      404,
    )
  );
  app.onError((error, context) => {
    const known = knownError(error);
    if (known.status >= 500) onError?.(error, context.req.raw);
    return Response.json(known.body(), { status: known.status });
  });
  return app;
}

function knownError(error: Error): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof HTTPException) {
    return new ApiError(error.status, "invalid_request", messageOf(error));
  }
  return new ApiError(500, "processing_error", "The gateway failed to process the request");
}
