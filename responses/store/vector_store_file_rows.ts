/** Files and batches of vector stores, as rows. */
import type { VectorStoreFile, VectorStoreFileBatch } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Database, Row, Statement } from "./database.ts";
import { bodyOf, type List, readPage, removal } from "./lists.ts";
import { chunksDeleted, chunksInserted } from "./chunk_rows.ts";
import type { VectorStoreStore } from "./store.ts";
import { fileCountColumns, fileCountsOf } from "./file_counts.ts";

const FILES: List = {
  table: "vector_store_files",
  parent: "store",
  columns: "t.body, t.attributes",
};

type FileMethods = Pick<
  VectorStoreStore,
  | "putFiles"
  | "getFile"
  | "setAttributes"
  | "finishFile"
  | "deleteFile"
  | "listFiles"
  | "interrupted"
  | "getBatch"
  | "cancelBatch"
>;

/** The part of a `VectorStoreStore` that is about a store's files and batches. */
export function vectorStoreFileRows(
  database: Database,
  { owner, now }: { owner: string; now: () => number },
): FileMethods {
  const exists = async (tenant: Tenant, storeId: string, batchId?: string) => {
    const rows = batchId === undefined
      ? await database.query(
        `SELECT 1 FROM vector_stores WHERE tenant = $1 AND id = $2`,
        [tenant, storeId],
      )
      : await database.query(
        `SELECT 1 FROM vector_store_batches WHERE tenant = $1 AND store = $2 AND id = $3`,
        [tenant, storeId, batchId],
      );
    return rows.length > 0;
  };
  return {
    putFiles: (tenant, storeId, files, batch) =>
      database.transaction([
        bumped(tenant, storeId),
        ...(batch === undefined ? [] : [batchInserted(tenant, storeId, batch, files.length)]),
        ...files.flatMap((file) => fileInserted(tenant, storeId, file, owner, batch?.id)),
      ]),
    async getFile(tenant, storeId, fileId) {
      const [row] = await database.query(
        `SELECT body, attributes FROM vector_store_files
         WHERE tenant = $1 AND store = $2 AND id = $3`,
        [tenant, storeId, fileId],
      );
      return row && fileOf(row);
    },
    setAttributes: (tenant, storeId, fileId, attributes) =>
      database.transaction([
        bumped(tenant, storeId),
        {
          sql: `UPDATE vector_store_files SET attributes = $4
            WHERE tenant = $1 AND store = $2 AND id = $3`,
          params: [tenant, storeId, fileId, JSON.stringify(attributes)],
          expect: 1,
        },
      ]),
    finishFile: (tenant, storeId, file, indexed) =>
      database.transaction([
        bumped(tenant, storeId),
        fileEnded(tenant, storeId, file, indexed?.embedder),
        chunksDeleted(tenant, storeId, file.id),
        ...chunksInserted(tenant, storeId, file.id, indexed?.chunks ?? []),
      ]),
    deleteFile: (tenant, storeId, fileId) =>
      database.transaction([
        bumped(tenant, storeId),
        ...removal(FILES, { tenant, parent: storeId, id: fileId, now: now() }),
      ]),
    async listFiles(tenant, storeId, page, { status, batchId } = {}) {
      const filter = { status, batch: batchId };
      const found = await readPage(
        database,
        FILES,
        { tenant, parent: storeId, page, filter },
        fileOf,
      );
      return found.data.length > 0 || await exists(tenant, storeId, batchId) ? found : undefined;
    },
    interrupted: (limit) => takeOver(database, owner, now(), limit),

    async getBatch(tenant, storeId, batchId) {
      const [row] = await database.query(
        `SELECT t.body, t.total, t.stopped, ${
          fileCountColumns(BATCH_FILES)
        } FROM vector_store_batches t
         WHERE t.tenant = $1 AND t.store = $2 AND t.id = $3`,
        [tenant, storeId, batchId],
      );
      return row && batchOf(row);
    },
    async cancelBatch(tenant, storeId, batchId) {
      const rows = await database.query(
        `SELECT body FROM vector_store_files
         WHERE tenant = $1 AND store = $2 AND batch = $3 AND status = 'in_progress'`,
        [tenant, storeId, batchId],
      );
      const files = rows.map((row) => bodyOf<VectorStoreFile>(row));
      return await database.transaction([
        {
          sql: `UPDATE vector_store_batches SET stopped = 1
            WHERE tenant = $1 AND store = $2 AND id = $3`,
          params: [tenant, storeId, batchId],
          expect: 1,
        },
        ...files.map((file) => ({
          // One that was completed meanwhile stays so.
          ...fileEnded(tenant, storeId, { ...file, status: "cancelled" }),
          expect: 0,
        })),
      ]);
    },
  };
}

/** Returns the statement that marks the store's index as out of date. Undone when there is no such store. */
function bumped(tenant: Tenant, storeId: string): Statement {
  return {
    sql: `UPDATE vector_stores SET revision = revision + 1 WHERE tenant = $1 AND id = $2`,
    params: [tenant, storeId],
    expect: 1,
  };
}

/** Adds a file, or starts it anew; `owner` works on it. */
export function fileInserted(
  tenant: Tenant,
  storeId: string,
  file: VectorStoreFile,
  owner: string,
  batchId?: string,
): Statement[] {
  return [
    // Deleted first: its chunks go with it, and it comes first in the list.
    {
      sql: `DELETE FROM vector_store_files WHERE tenant = $1 AND store = $2 AND id = $3`,
      params: [tenant, storeId, file.id],
    },
    {
      sql: `INSERT INTO vector_store_files
        (tenant, store, id, status, batch, usage_bytes, owner, body, attributes, revision)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)`,
      params: [
        tenant,
        storeId,
        file.id,
        file.status,
        batchId ?? null,
        file.usage_bytes,
        file.status === "in_progress" ? owner : null,
        JSON.stringify(file),
        JSON.stringify(file.attributes),
      ],
    },
  ];
}

/** Its revision is the store's, which was just raised. Undone when it is no longer this very work in progress. */
function fileEnded(
  tenant: Tenant,
  storeId: string,
  file: VectorStoreFile,
  embedder: string | null = null,
): Statement {
  return {
    sql: `UPDATE vector_store_files
      SET body = $4, status = $5, usage_bytes = $6, owner = NULL, embedder = $7,
        revision = (SELECT revision FROM vector_stores WHERE tenant = $1 AND id = $2)
      WHERE tenant = $1 AND store = $2 AND id = $3 AND status = 'in_progress'`,
    params: [
      tenant,
      storeId,
      file.id,
      JSON.stringify(file),
      file.status,
      file.usage_bytes,
      embedder,
    ],
    expect: 1,
  };
}

/** Attributes have a column of their own: they change while the file is worked on. */
function fileOf(row: Row): VectorStoreFile {
  return { ...bodyOf<VectorStoreFile>(row), attributes: JSON.parse(String(row["attributes"])) };
}

const BATCH_FILES = "f.tenant = t.tenant AND f.store = t.store AND f.batch = t.id";

function batchInserted(
  tenant: Tenant,
  storeId: string,
  batch: VectorStoreFileBatch,
  total: number,
): Statement {
  return {
    sql: `INSERT INTO vector_store_batches (tenant, store, id, total, stopped, body)
      VALUES ($1, $2, $3, $4, 0, $5)`,
    params: [tenant, storeId, batch.id, total, JSON.stringify(batch)],
  };
}

function batchOf(row: Row): VectorStoreFileBatch {
  // Files that were taken out of the store since then still count as having been in the batch.
  const file_counts = { ...fileCountsOf(row), total: Number(row["total"]) };
  const ended = Number(row["stopped"]) === 1 ? "cancelled" : "completed";
  return {
    ...bodyOf<VectorStoreFileBatch>(row),
    status: file_counts.in_progress > 0 ? "in_progress" : ended,
    file_counts,
  };
}

async function takeOver(
  database: Database,
  owner: string,
  now: number,
  limit: number,
): Promise<{ tenant: Tenant; entry: VectorStoreFile }[]> {
  const rows = await database.query(
    `SELECT tenant, store, id, owner, body, attributes FROM vector_store_files
     WHERE status = 'in_progress' AND owner <> $1
       AND owner NOT IN (SELECT owner FROM processes WHERE alive_until > $2)
     ORDER BY seq LIMIT $3`,
    [owner, now, limit],
  );
  const taken = await Promise.all(rows.map((row) =>
    database.transaction([{
      sql: `UPDATE vector_store_files SET owner = $5
        WHERE tenant = $1 AND store = $2 AND id = $3 AND owner = $4 AND status = 'in_progress'`,
      params: [
        ...["tenant", "store", "id", "owner"].map((column) => row[column] ?? null),
        owner,
      ],
      expect: 1,
    }])
  ));
  return rows.filter((_, index) => taken[index])
    .map((row) => ({ tenant: String(row["tenant"]), entry: fileOf(row) }));
}
