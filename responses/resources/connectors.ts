/** The resource `/v1/connectors`. */
import { Hono } from "hono";
import { z } from "zod";
import { notFound } from "../api/errors.ts";
import { metadataSchema } from "../api/metadata.ts";
import type { Connector } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import {
  jsonBody,
  type Operations,
  pageOfRequest,
  type Resource,
  type RouteEnv,
} from "../api/resource.ts";
import type { Store } from "../store/store.ts";

const createSchema = z.object({
  connector_id: z.string().min(1, "must not be empty").max(256, "at most 256 characters"),
  connector_type: z.literal("mcp", 'must be "mcp"'),
  url: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }),
  server_label: z.string().nullish(),
  metadata: metadataSchema.nullish(),
});

const OPERATIONS: Operations = {
  "POST /": { summary: "Register an MCP server, or replace one", body: createSchema },
  "GET /": { summary: "List connectors", list: true },
  "GET /:id": { summary: "Get a connector" },
  "DELETE /:id": { summary: "Delete a connector" },
};

/** `/v1/connectors`: MCP servers that responses may name by `server_label`. Registering connects to nothing. */
export function connectors(
  { store, now }: { store: Pick<Store, "connectors">; now: () => number },
): Resource {
  const routes = new Hono<RouteEnv>();
  const rows = store.connectors;

  routes.post("/", async (context) => {
    const { server_label, metadata, ...given } = await jsonBody(context, createSchema);
    const connector: Connector = {
      object: "connector",
      ...given,
      server_label: server_label ?? null,
      created_at: now(),
      metadata: metadata ?? {},
    };
    await rows.put(context.get("tenant"), connector);
    return context.json(connector);
  });
  routes.get("/", async (context) => {
    const page = await rows.list(context.get("tenant"), pageOfRequest(context));
    return context.json(listBody(page, ({ connector_id }) => connector_id));
  });
  routes.get("/:id", async (context) => {
    const id = context.req.param("id");
    const connector = await rows.get(context.get("tenant"), id);
    if (connector === undefined) throw notFound("connector", id);
    return context.json(connector);
  });
  routes.delete("/:id", async (context) => {
    const id = context.req.param("id");
    if (!await rows.delete(context.get("tenant"), id)) throw notFound("connector", id);
    return context.json({ connector_id: id, object: "connector.deleted", deleted: true });
  });
  return { path: "/v1/connectors", routes, operations: OPERATIONS };
}
