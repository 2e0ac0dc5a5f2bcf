/** The resource `/v1/conversations`. */
import { Hono } from "hono";
import { z } from "zod";
import { notFound } from "../api/errors.ts";
import { itemId, newId } from "../api/id.ts";
import { metadataSchema } from "../api/metadata.ts";
import type { Conversation, ConversationItem } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import {
  deleted,
  jsonBody,
  type Operations,
  pageOfRequest,
  type Resource,
  type RouteEnv,
} from "../api/resource.ts";
import type { Store } from "../store/store.ts";

/** The most items of one call (API reference, "Create items"). */
const MAX_ITEMS = 20;

/** A message needs a role and content, and is one without saying so; other kinds of items pass as they are. */
const itemSchema = z.looseObject({ type: z.string().optional() }).transform((item, context) => {
  const type = item.type ?? ("role" in item && "content" in item ? "message" : undefined);
  const problem = problemOf(type, item);
  if (problem === undefined) return { ...item, type: String(type) };
  context.addIssue({ code: "custom", message: problem });
  return z.NEVER;
});

const itemsSchema = z.array(itemSchema, "must be an array of items").max(
  MAX_ITEMS,
  `at most ${MAX_ITEMS} items`,
);

const createSchema = z.object({
  metadata: metadataSchema.nullish(),
  items: itemsSchema.nullish(),
});

const updateSchema = z.object({ metadata: metadataSchema.nullable() });

const appendSchema = z.object({ items: itemsSchema.min(1, "at least one item") });

const OPERATIONS: Operations = {
  "POST /": { summary: "Create a conversation", body: createSchema },
  "GET /": { summary: "List conversations", list: true },
  "GET /:id": { summary: "Get a conversation" },
  "POST /:id": { summary: "Replace a conversation's metadata", body: updateSchema },
  "DELETE /:id": { summary: "Delete a conversation with its items" },
  "POST /:id/items": { summary: "Add items at a conversation's end", body: appendSchema },
  "GET /:id/items": { summary: "List a conversation's items, oldest first", list: true },
  "GET /:id/items/:item": { summary: "Get an item" },
  "DELETE /:id/items/:item": { summary: "Delete an item" },
};

/** `/v1/conversations`: OpenAI's, and a list of them all. */
export function conversations(
  { store, now }: { store: Pick<Store, "conversations">; now: () => number },
): Resource {
  const routes = new Hono<RouteEnv>();
  const rows = store.conversations;

  routes.post("/", async (context) => {
    const { metadata, items } = await jsonBody(context, createSchema);
    const conversation: Conversation = {
      id: newId("conv"),
      object: "conversation",
      created_at: now(),
      metadata: metadata ?? {},
    };
    const first = (items ?? []).map((item) => asItem(item, now()));
    await rows.create(context.get("tenant"), conversation, first);
    return context.json(conversation);
  });
  routes.get(
    "/",
    async (context) =>
      context.json(listBody(await rows.list(context.get("tenant"), pageOfRequest(context)))),
  );
  routes.get("/:id", async (context) => {
    const id = context.req.param("id");
    return context.json(found(id, await rows.get(context.get("tenant"), id)));
  });
  routes.post("/:id", async (context) => {
    const id = context.req.param("id");
    const { metadata } = await jsonBody(context, updateSchema);
    const changed = { ...found(id, await rows.get(context.get("tenant"), id)), metadata };
    found(id, await rows.update(context.get("tenant"), changed) || undefined);
    return context.json(changed);
  });
  routes.delete("/:id", async (context) => {
    const id = context.req.param("id");
    found(id, await rows.delete(context.get("tenant"), id) || undefined);
    return context.json(deleted(id, "conversation.deleted"));
  });

  routes.post("/:id/items", async (context) => {
    const id = context.req.param("id");
    const { items } = await jsonBody(context, appendSchema);
    const added = items.map((item) => asItem(item, now()));
    found(id, await rows.append(context.get("tenant"), id, added) || undefined);
    return context.json(listBody({ data: added, hasMore: false }));
  });
  routes.get("/:id/items", async (context) => {
    const id = context.req.param("id");
    // In order of arrival, as one reads a conversation; OpenAI's default is the other way round.
    const page = pageOfRequest(context, { order: "asc" });
    const items = found(id, await rows.items(context.get("tenant"), id, page));
    return context.json(listBody({ ...items, data: items.data.map(named) }));
  });
  routes.get("/:id/items/:item", async (context) => {
    const { id, item } = context.req.param();
    const tenant = context.get("tenant");
    const one = await rows.getItem(tenant, id, item);
    if (one === undefined) found(id, await rows.get(tenant, id));
    if (one === undefined) throw notFound("conversation_item", item);
    return context.json(named(one));
  });
  routes.delete("/:id/items/:item", async (context) => {
    const { id, item } = context.req.param();
    const tenant = context.get("tenant");
    const conversation = found(id, await rows.get(tenant, id));
    if (!await rows.deleteItem(tenant, id, item)) throw notFound("conversation_item", item);
    return context.json(conversation);
  });
  return { path: "/v1/conversations", routes, operations: OPERATIONS };
}

function found<T>(id: string, value: T | undefined): T {
  if (value === undefined) throw notFound("conversation", id);
  return value;
}

function problemOf(type: string | undefined, item: object): string | undefined {
  if (type === undefined) return "an item needs a type, or role and content";
  if (type !== "message") return undefined;
  const { role, content } = item as { role?: unknown; content?: unknown };
  if (typeof role !== "string" || role === "") return "a message needs a role";
  if (typeof content === "string" || Array.isArray(content)) return undefined;
  return "a message's content must be a string or an array of parts";
}

/** An item as it is kept: with an id of ours, so that no two conversations can hold the same one. */
function asItem(item: { type: string; [field: string]: unknown }, now: number): ConversationItem {
  return {
    status: "completed",
    ...item,
    id: itemId(item.type),
    object: "conversation.item",
    created_at: now,
  };
}

function named(item: ConversationItem): ConversationItem {
  return { object: "conversation.item", ...item };
}
