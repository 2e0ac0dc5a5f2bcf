/** The resource `/v1/vector_stores`. */
import { Hono } from "hono";
import { notFound } from "../api/errors.ts";
import { newId } from "../api/id.ts";
import type { VectorStore } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import {
  deleted,
  jsonBody,
  type Operations,
  pageOfRequest,
  type Resource,
  type RouteEnv,
} from "../api/resource.ts";
import { batchRoutes } from "./vector_store_batches.ts";
import { LIST_LIMIT, storeOf, usable, type VectorStoresOptions } from "./vector_store_context.ts";
import { fileRoutes, newFiles } from "./vector_store_files.ts";
import {
  addFileSchema,
  batchSchema,
  createSchema,
  searchSchema,
  updateFileSchema,
  updateSchema,
} from "./vector_store_schema.ts";

/** Results when nothing is said (API reference, "max_num_results"). */
const RESULTS = 10;

/** Query of a list of files beside the page. */
const STATUS_QUERY = { filter: "Only files in this status" };

const OPERATIONS: Operations = {
  "POST /": { summary: "Create a vector store", body: createSchema },
  "GET /": { summary: "List vector stores", list: true },
  "GET /:store": { summary: "Get a vector store" },
  "POST /:store": { summary: "Change a vector store", body: updateSchema },
  "PUT /:store": { summary: "Change a vector store, the older way", body: updateSchema },
  "DELETE /:store": { summary: "Delete a vector store; its files stay" },
  "POST /:store/search": { summary: "Search a vector store", body: searchSchema },
  "POST /:store/files": { summary: "Add a file to a vector store", body: addFileSchema },
  "GET /:store/files": {
    summary: "List a vector store's files",
    list: true,
    query: STATUS_QUERY,
  },
  "GET /:store/files/:file": { summary: "Get a vector store's file" },
  "POST /:store/files/:file": { summary: "Set a file's attributes", body: updateFileSchema },
  "PUT /:store/files/:file": {
    summary: "Set a file's attributes, the older way",
    body: updateFileSchema,
  },
  "GET /:store/files/:file/content": { summary: "Get a file's text, as it was indexed" },
  "DELETE /:store/files/:file": { summary: "Take a file out of a vector store" },
  "POST /:store/file_batches": { summary: "Add several files at once", body: batchSchema },
  "GET /:store/file_batches/:batch": { summary: "Get a batch" },
  "GET /:store/file_batches/:batch/files": {
    summary: "List a batch's files",
    list: true,
    query: STATUS_QUERY,
  },
  "POST /:store/file_batches/:batch/cancel": { summary: "Cancel what is not indexed yet" },
};

/** `/v1/vector_stores`: stores, their files and batches, and the search in them. */
export function vectorStores(options: VectorStoresOptions): Resource {
  const { store, search, now } = options;
  const routes = new Hono<RouteEnv>();
  const rows = store.vectorStores;

  routes.post("/", async (context) => {
    const tenant = context.get("tenant");
    const wanted = await jsonBody(context, createSchema);
    const made = newStore(now(), wanted);
    const files = await newFiles(options, tenant, made.id, {
      file_ids: wanted.file_ids ?? [],
      chunking_strategy: wanted.chunking_strategy,
    });
    await rows.create(tenant, made, files);
    search.index(tenant, files);
    return context.json(await storeOf(options, tenant, made.id));
  });
  routes.get("/", async (context) => {
    const page = await rows.list(
      context.get("tenant"),
      pageOfRequest(context, { limit: LIST_LIMIT }),
    );
    return context.json(listBody(page));
  });
  routes.get("/:store", async (context) => {
    return context.json(
      await storeOf(options, context.get("tenant"), context.req.param("store")),
    );
  });
  // OpenAI's clients send POST; PUT is the older way.
  routes.on(["POST", "PUT"], "/:store", async (context) => {
    const tenant = context.get("tenant");
    const id = context.req.param("store");
    const changes = await jsonBody(context, updateSchema);
    const before = await storeOf(options, tenant, id);
    const given = Object.entries(changes).filter(([, value]) => value !== undefined);
    if (!await rows.update(tenant, { ...before, ...Object.fromEntries(given) })) {
      throw notFound("vector_store", id);
    }
    return context.json(await storeOf(options, tenant, id));
  });
  routes.delete("/:store", async (context) => {
    const tenant = context.get("tenant");
    const id = context.req.param("store");
    if (!await rows.delete(tenant, id)) throw notFound("vector_store", id);
    await search.forget(tenant, id);
    return context.json(deleted(id, "vector_store.deleted"));
  });
  routes.post("/:store/search", async (context) => {
    const tenant = context.get("tenant");
    const id = context.req.param("store");
    const wanted = await jsonBody(context, searchSchema);
    usable(await storeOf(options, tenant, id));
    const query = [wanted.query].flat();
    const hits = await search.search(tenant, {
      vectorStoreIds: [id],
      query,
      filters: wanted.filters ?? wanted.filter,
      maxResults: wanted.max_num_results ?? wanted.top_k ?? RESULTS,
      rankingOptions: wanted.ranking_options,
    });
    return context.json({
      object: "vector_store.search_results.page",
      search_query: query,
      data: hits.map(({ fileId, filename, score, attributes, text }) => ({
        file_id: fileId,
        filename,
        score,
        attributes: attributes ?? {},
        content: [{ type: "text", text }],
      })),
      has_more: false,
      next_page: null,
    });
  });
  routes.route("/:store/files", fileRoutes(options));
  routes.route("/:store/file_batches", batchRoutes(options));
  return { path: "/v1/vector_stores", routes, operations: OPERATIONS };
}

function newStore(
  now: number,
  { name, description, metadata, expires_after }: {
    readonly name?: string | null | undefined;
    readonly description?: string | null | undefined;
    readonly metadata?: VectorStore["metadata"] | undefined;
    readonly expires_after?: VectorStore["expires_after"] | undefined;
  },
): VectorStore {
  return {
    id: newId("vs"),
    object: "vector_store",
    created_at: now,
    name: name ?? null,
    ...(description ? { description } : {}),
    status: "completed",
    usage_bytes: 0,
    file_counts: { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 },
    metadata: metadata ?? {},
    expires_after: expires_after ?? null,
    expires_at: null,
    last_active_at: now,
  };
}
