/** The batches of files of a vector store. */
import { Hono } from "hono";
import { notFound } from "../api/errors.ts";
import { newId } from "../api/id.ts";
import type { VectorStoreFileBatch } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import { jsonBody, pageOfRequest, type RouteEnv } from "../api/resource.ts";
import { newFiles, type Place, placeOf, statusFilter } from "./vector_store_files.ts";
import { LIST_LIMIT, storeOf, usable, type VectorStoresOptions } from "./vector_store_context.ts";
import { batchSchema } from "./vector_store_schema.ts";

/** `/v1/vector_stores/{id}/file_batches` */
export function batchRoutes(options: VectorStoresOptions): Hono<RouteEnv> {
  const { store, search, now } = options;
  const routes = new Hono<RouteEnv>();
  const rows = store.vectorStores;

  routes.post("/", async (context) => {
    const place = placeOf(context);
    const { tenant, storeId } = place;
    const wanted = await jsonBody(context, batchSchema);
    usable(await storeOf(options, tenant, storeId));
    const files = await newFiles(options, tenant, storeId, wanted);
    const batch: VectorStoreFileBatch = {
      id: newId("vsfb"),
      object: "vector_store.file_batch",
      created_at: now(),
      vector_store_id: storeId,
      status: "in_progress",
      file_counts: { in_progress: 0, completed: 0, failed: 0, cancelled: 0, total: 0 },
    };
    if (!await rows.putFiles(tenant, storeId, files, batch)) {
      throw notFound("vector_store", storeId);
    }
    search.index(tenant, files);
    return context.json(await batchOf(options, place, batch.id));
  });
  routes.get("/:batch", async (context) => {
    return context.json(await batchOf(options, placeOf(context), context.req.param("batch")));
  });
  routes.get("/:batch/files", async (context) => {
    const { tenant, storeId } = placeOf(context);
    const batchId = context.req.param("batch");
    const page = await rows.listFiles(
      tenant,
      storeId,
      pageOfRequest(context, { limit: LIST_LIMIT }),
      { batchId, ...statusFilter(context.req.query("filter")) },
    );
    if (page === undefined) throw notFound("vector_store_file_batch", batchId);
    return context.json(listBody(page));
  });
  routes.post("/:batch/cancel", async (context) => {
    const place = placeOf(context);
    const { tenant, storeId } = place;
    const batchId = context.req.param("batch");
    if (!await rows.cancelBatch(tenant, storeId, batchId)) {
      throw notFound("vector_store_file_batch", batchId);
    }
    return context.json(await batchOf(options, place, batchId));
  });
  return routes;
}

async function batchOf(
  { store }: VectorStoresOptions,
  { tenant, storeId }: Place,
  batchId: string,
): Promise<VectorStoreFileBatch> {
  const batch = await store.vectorStores.getBatch(tenant, storeId, batchId);
  if (batch === undefined) throw notFound("vector_store_file_batch", batchId);
  return batch;
}
