/** The files of a vector store. */
import { Hono } from "hono";
import { invalidRequest, notFound } from "../api/errors.ts";
import type { Attributes, VectorStoreFile } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import { deleted, jsonBody, pageOfRequest, type RouteEnv } from "../api/resource.ts";
import type { Tenant } from "../api/tenant.ts";
import { type ChunkingStrategy, joinChunks, staticChunking } from "../search/mod.ts";
import type { Chunk } from "../store/store.ts";
import { LIST_LIMIT, storeOf, usable, type VectorStoresOptions } from "./vector_store_context.ts";
import { addFileSchema, updateFileSchema } from "./vector_store_schema.ts";

/** Statuses that a list can be narrowed to (API reference, "filter"). */
const STATUSES = ["in_progress", "completed", "failed", "cancelled"] as const;

/** Chunks that are read at once for a file's content. */
const CONTENT_PAGE = 500;

/** Which files are to come into a store. */
export interface WantedFiles {
  readonly file_ids?: readonly string[] | null | undefined;
  /** In place of `file_ids`: each with attributes and chunking of its own. */
  readonly files?:
    | readonly {
      readonly file_id: string;
      readonly attributes?: Attributes | null | undefined;
      readonly chunking_strategy?: ChunkingStrategy | null | undefined;
    }[]
    | null
    | undefined;
  readonly attributes?: Attributes | null | undefined;
  readonly chunking_strategy?: ChunkingStrategy | null | undefined;
}

/** `/v1/vector_stores/{id}/files` */
export function fileRoutes(options: VectorStoresOptions): Hono<RouteEnv> {
  const { store, search } = options;
  const routes = new Hono<RouteEnv>();
  const rows = store.vectorStores;

  routes.post("/", async (context) => {
    const { tenant, storeId } = placeOf(context);
    const { file_id, ...more } = await jsonBody(context, addFileSchema);
    usable(await storeOf(options, tenant, storeId));
    const files = await newFiles(options, tenant, storeId, { file_ids: [file_id], ...more });
    if (!await rows.putFiles(tenant, storeId, files)) throw notFound("vector_store", storeId);
    search.index(tenant, files);
    return context.json(files[0]);
  });
  routes.get("/", async (context) => {
    const { tenant, storeId } = placeOf(context);
    const page = await rows.listFiles(
      tenant,
      storeId,
      pageOfRequest(context, { limit: LIST_LIMIT }),
      statusFilter(context.req.query("filter")),
    );
    if (page === undefined) throw notFound("vector_store", storeId);
    return context.json(listBody(page));
  });
  routes.get("/:file", async (context) => {
    return context.json(await fileOf(options, placeOf(context), context.req.param("file")));
  });
  routes.on(["POST", "PUT"], "/:file", async (context) => {
    const place = placeOf(context);
    const fileId = context.req.param("file");
    const { attributes } = await jsonBody(context, updateFileSchema);
    await fileOf(options, place, fileId);
    await rows.setAttributes(place.tenant, place.storeId, fileId, attributes);
    return context.json(await fileOf(options, place, fileId));
  });
  routes.get("/:file/content", async (context) => {
    const place = placeOf(context);
    const fileId = context.req.param("file");
    await fileOf(options, place, fileId);
    const text = await contentOf(options, place, fileId);
    return context.json({
      object: "vector_store.file_content.page",
      data: text === "" ? [] : [{ type: "text", text }],
      has_more: false,
      next_page: null,
    });
  });
  routes.delete("/:file", async (context) => {
    const { tenant, storeId } = placeOf(context);
    const fileId = context.req.param("file");
    if (!await rows.deleteFile(tenant, storeId, fileId)) {
      throw notFound("vector_store_file", fileId);
    }
    search.drop(tenant, storeId, [fileId]);
    return context.json(deleted(fileId, "vector_store.file.deleted"));
  });
  return routes;
}

/** The store that a request is about. */
export interface Place {
  readonly tenant: Tenant;
  readonly storeId: string;
}

/** Reads the store's id, which stands in the path that these routes are mounted under. */
export function placeOf(
  context: { get(name: "tenant"): Tenant; req: { param(name: string): string | undefined } },
): Place {
  return { tenant: context.get("tenant"), storeId: context.req.param("store") ?? "" };
}

/**
 * Returns the status that a list is narrowed to by `filter`.
 *
 * @throws {ApiError} 400 for another word
 */
export function statusFilter(
  word: string | undefined,
): { readonly status?: VectorStoreFile["status"] } {
  if (word === undefined || word === "") return {};
  const status = STATUSES.find((name) => name === word);
  if (status === undefined) {
    throw invalidRequest(`'filter' must be one of ${STATUSES.join(", ")}`, "filter");
  }
  return { status };
}

/**
 * The files as they come into a store, in progress; one that is named twice comes once.
 *
 * @throws {ApiError} 404 for a file that does not exist
 */
export async function newFiles(
  { store, now }: VectorStoresOptions,
  tenant: Tenant,
  storeId: string,
  wanted: WantedFiles,
): Promise<VectorStoreFile[]> {
  const { attributes, chunking_strategy } = wanted;
  const entries = wanted.files ??
    (wanted.file_ids ?? []).map((file_id) => ({ file_id, attributes, chunking_strategy }));
  const unique = new Map(entries.map((entry) => [entry.file_id, entry]));
  const known = await Promise.all(
    [...unique.keys()].map(async (id) => [id, await store.files.get(tenant, id)] as const),
  );
  const missing = known.find(([, file]) => file === undefined);
  if (missing !== undefined) throw notFound("file", missing[0]);
  return [...unique.values()].map((entry) => ({
    id: entry.file_id,
    object: "vector_store.file",
    created_at: now(),
    vector_store_id: storeId,
    status: "in_progress",
    usage_bytes: 0,
    last_error: null,
    attributes: entry.attributes ?? {},
    chunking_strategy: staticChunking(entry.chunking_strategy),
  }));
}

async function fileOf(
  { store }: VectorStoresOptions,
  { tenant, storeId }: Place,
  fileId: string,
): Promise<VectorStoreFile> {
  const file = await store.vectorStores.getFile(tenant, storeId, fileId);
  if (file === undefined) throw notFound("vector_store_file", fileId);
  return file;
}

/** The text of a file; empty while it is not indexed. */
async function contentOf(
  { store }: VectorStoresOptions,
  { tenant, storeId }: Place,
  fileId: string,
): Promise<string> {
  const chunks: Chunk[] = [];
  for (let first = 0;; first += CONTENT_PAGE) {
    const page = await store.vectorStores.fileChunks(tenant, storeId, fileId, first, CONTENT_PAGE);
    chunks.push(...page);
    if (page.length < CONTENT_PAGE) return joinChunks(chunks);
  }
}
