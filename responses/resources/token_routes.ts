/** `/v1/responses/input_tokens` and `/v1/responses/compact`: about a conversation, without answering it. */
import type { Context, Hono } from "hono";
import { readBody } from "../api/body.ts";
import { decodedBody, tooLarge } from "../api/content_coding.ts";
import { type CreateRequest, parseCreate } from "../api/request.ts";
import type { Operations, RouteEnv } from "../api/resource.ts";
import { createSchema } from "../api/request.ts";
import type { Caller, Engine } from "../engine/engine.ts";
import { jsonOf } from "./create.ts";

export const TOKEN_OPERATIONS: Operations = {
  "POST /input_tokens": {
    summary: "Count a request's tokens, as the model server counts them",
    body: createSchema,
  },
  "POST /compact": {
    summary: "Make a conversation shorter: what its user said, and a sealed summary",
    body: createSchema,
  },
};

/** Adds the routes below `/v1/responses`. */
export function addTokenRoutes(routes: Hono<RouteEnv>, engine: Engine): void {
  routes.post("/input_tokens", async (context) => {
    const { request, caller } = await read(context);
    const count = await engine.countTokens(context.get("tenant"), request, caller);
    return context.json({ object: "response.input_tokens", input_tokens: count });
  });
  routes.post("/compact", async (context) => {
    const { request, caller } = await read(context);
    return context.json(await engine.compact(context.get("tenant"), request, caller));
  });
}

async function read(
  { req }: Context<RouteEnv>,
): Promise<{ request: CreateRequest; caller: Caller }> {
  const body = await readBody(req.raw);
  if (body === undefined) throw tooLarge();
  const text = await decodedBody(body, req.header("content-encoding"));
  // A conversation that is stored is input enough.
  const request = parseCreate(jsonOf(text), { inputOptional: true });
  return { request, caller: { signal: req.raw.signal, header: (name) => req.header(name) } };
}
