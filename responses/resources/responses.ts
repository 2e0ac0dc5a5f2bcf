/** `/v1/responses`: create, read, list, delete, cancel, and the items that went in. */
import { Hono } from "hono";
import { readBody } from "../api/body.ts";
import { invalidRequest, notFound } from "../api/errors.ts";
import { publicResponse } from "../api/events.ts";
import { createSchema } from "../api/request.ts";
import { listBody, pageQuery } from "../api/page.ts";
import type { Operations, Resource, RouteEnv } from "../api/resource.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../store/store.ts";
import { answerCreate, encoded, type Reply, STREAM_HEADERS, tooLargeReply } from "./create.ts";
import { addTokenRoutes, TOKEN_OPERATIONS } from "./token_routes.ts";
import { pageRefused, serveSocket, upgradeRefused, wantsSocket } from "./web_socket.ts";

/** Options of the resource. */
export interface ResponsesDependencies {
  readonly engine: Engine;
  readonly store: Store;
  /** Hears of failures that are the gateway's own. */
  readonly onFault: (error: unknown) => void;
  /** Whether `GET` with an upgrade becomes a WebSocket; false when left out. */
  readonly webSocket?: boolean;
  /** Hears of each request that made, or should have made, a response. */
  readonly onCreate?: (
    reply: Reply,
    request: { readonly requestId: string; readonly tenant: string },
  ) => void;
}

/** Responses on a page when nothing is said (API reference, "limit"). */
const PAGE = 20;

const OPERATIONS: Operations = {
  "POST /": {
    summary: "Create a response, whole or streamed",
    body: createSchema,
    answers: ["application/json", "text/event-stream"],
  },
  "GET /": {
    summary: "List responses",
    list: true,
    query: { model: "Only responses of this model" },
  },
  "GET /:id": {
    summary: "Get a response, or follow one that runs in the background",
    query: {
      stream: "`true` for its events",
      starting_after: "Only events after this sequence number",
    },
    answers: ["application/json", "text/event-stream"],
  },
  ...TOKEN_OPERATIONS,
  "DELETE /:id": { summary: "Delete a response; its conversation stays" },
  "POST /:id/cancel": { summary: "Cancel a response that runs in the background" },
  "GET /:id/input_items": { summary: "List the items that went in", list: true },
};

/** Returns the resource under its path. */
export function responsesResource(
  dependencies: ResponsesDependencies,
  path = "/v1/responses",
): Resource {
  const { engine, store, onFault, onCreate, webSocket = false } = dependencies;
  const routes = new Hono<RouteEnv>();
  addTokenRoutes(routes, engine);

  routes.post("/", async (context) => {
    const tenant = context.get("tenant");
    const body = await readBody(context.req.raw);
    const reply = body === undefined ? tooLargeReply() : await answerCreate(
      engine,
      {
        tenant,
        body,
        signal: context.req.raw.signal,
        header: (name) => context.req.header(name),
      },
      onFault,
    );
    onCreate?.(reply, { tenant, requestId: context.req.header("x-request-id") ?? "" });
    return toResponse(reply);
  });

  routes.get("/", async (context, next) => {
    if (!wantsSocket(context.req.raw.headers)) return await next();
    if (!webSocket) throw upgradeRefused();
    // Browsers ask nobody before they open a socket, so no page may.
    if (context.req.header("origin") !== undefined) throw pageRefused();
    const tenant = context.get("tenant");
    const requestId = context.req.header("x-request-id") ?? "";
    // The request ends with the upgrade, and its headers with it.
    const headers = new Headers(context.req.raw.headers);
    const { socket, response } = Deno.upgradeWebSocket(context.req.raw);
    serveSocket(socket, {
      engine,
      tenant,
      header: (name) => headers.get(name) ?? undefined,
      onFault,
      onCreate: (reply) => onCreate?.(reply, { tenant, requestId }),
    });
    return response;
  });

  routes.get("/", async (context) => {
    const params = new URL(context.req.url).searchParams;
    const model = params.get("model");
    const page = await store.responses.list(
      context.get("tenant"),
      pageQuery(params, { limit: PAGE }),
      model === null ? {} : { model },
    );
    return context.json(
      listBody({ ...page, data: page.data.map(publicResponse) as { id: string }[] }),
    );
  });

  routes.get("/:id", async (context) => {
    const id = context.req.param("id");
    const tenant = context.get("tenant");
    const found = await store.responses.get(tenant, id);
    if (found === undefined) throw notFound("response", id);
    if (context.req.query("stream") !== "true") return context.json(publicResponse(found.response));
    const after = Number(context.req.query("starting_after") ?? -1);
    if (!Number.isInteger(after)) {
      throw invalidRequest(
        "Invalid 'starting_after': expected a sequence number",
        "starting_after",
      );
    }
    const events = engine.follow(tenant, id, after);
    if (events === undefined) {
      throw invalidRequest(
        "The events of this response are not kept: only responses in the background have them, " +
          "for five minutes, in the process that made them. Read it without 'stream'",
        "stream",
      );
    }
    return toResponse({ status: 200, headers: STREAM_HEADERS, body: encoded(events) });
  });

  routes.delete("/:id", async (context) => {
    const id = context.req.param("id");
    const tenant = context.get("tenant");
    await engine.forget(tenant, id);
    if (!await store.responses.delete(tenant, id)) throw notFound("response", id);
    return context.json({ id, object: "response", deleted: true });
  });

  routes.post("/:id/cancel", async (context) => {
    const id = context.req.param("id");
    return context.json(publicResponse(await engine.cancel(context.get("tenant"), id)));
  });

  routes.get("/:id/input_items", async (context) => {
    const id = context.req.param("id");
    const params = new URL(context.req.url).searchParams;
    const page = await store.responses.inputItems(
      context.get("tenant"),
      id,
      pageQuery(params, { limit: PAGE }),
    );
    if (page === undefined) throw notFound("response", id);
    return context.json(listBody(page, (item) => item.id ?? ""));
  });

  return { path, routes, operations: OPERATIONS };
}

function toResponse({ status, headers, body }: Reply): Response {
  const init = { status, headers: headers.map(([name, value]): [string, string] => [name, value]) };
  if (body instanceof Uint8Array) return new Response(body, init);
  return new Response(ReadableStream.from(body), init);
}
