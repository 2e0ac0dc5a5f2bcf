/** `/v1/responses`: create, read, list, delete, cancel, and the items that went in. */
import { Hono } from "hono";
import { invalidRequest, notFound } from "../api/errors.ts";
import { publicResponse } from "../api/events.ts";
import { listBody, pageQuery } from "../api/page.ts";
import type { Resource, RouteEnv } from "../api/resource.ts";
import type { Engine } from "../engine/engine.ts";
import type { Store } from "../store/store.ts";
import {
  answerCreate,
  encoded,
  MAX_BODY_BYTES,
  type Reply,
  STREAM_HEADERS,
  tooLarge,
} from "./create.ts";

/** What the resource works with. */
export interface ResponsesDependencies {
  readonly engine: Engine;
  readonly store: Store;
  /** Hears of failures that are the gateway's own. */
  readonly onFault: (error: unknown) => void;
  /** Hears of each request that made, or should have made, a response. */
  readonly onCreate?: (
    reply: Reply,
    request: { readonly requestId: string; readonly tenant: string },
  ) => void;
}

/** Responses on a page when nothing is said (API reference, "limit"). */
const PAGE = 20;

/** Returns the resource under its path. */
export function responsesResource(
  dependencies: ResponsesDependencies,
  path = "/v1/responses",
): Resource {
  const { engine, store, onFault, onCreate } = dependencies;
  const routes = new Hono<RouteEnv>();

  routes.post("/", async (context) => {
    const tenant = context.get("tenant");
    const body = await bodyOf(context.req.raw);
    const reply = body === undefined ? tooLarge() : await answerCreate(
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

  return { path, routes };
}

/** The whole body; undefined when it is too long. */
async function bodyOf(request: Request): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) {
    await request.body?.cancel();
    return undefined;
  }
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of request.body ?? []) {
    length += piece.length;
    if (length > MAX_BODY_BYTES) return undefined;
    pieces.push(piece);
  }
  return joined(pieces, length);
}

/** Puts pieces together. */
export function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1 && pieces[0] !== undefined) return pieces[0];
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function toResponse({ status, headers, body }: Reply): Response {
  const init = { status, headers: headers.map(([name, value]): [string, string] => [name, value]) };
  if (body instanceof Uint8Array) return new Response(body, init);
  return new Response(ReadableStream.from(body), init);
}
