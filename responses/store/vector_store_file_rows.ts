import type { VectorStoreFile, VectorStoreFileBatch } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Database, Row, Statement } from "./database.ts";
import { bodyOf, firstBody, type List, readPage, removal } from "./lists.ts";
import type { Chunk, StoredChunk, VectorStoreStore } from "./store.ts";
import { fileCountColumns, fileCountsOf } from "./file_counts.ts";

const FILES: List = { table: "vector_store_files", parent: "store" };

/** Chunks on one page of the reading of a whole store: about 1.5 MB at 384 dimensions. */
const CHUNK_PAGE = 1000;

type FileMethods = Omit<
  VectorStoreStore,
  "create" | "get" | "update" | "delete" | "list" | "expired" | "expire" | "revision"
>;

/** The part of a `VectorStoreStore` that is about a store's files, batches and chunks. */
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
      return firstBody(
        await database.query(
          `SELECT body FROM vector_store_files WHERE tenant = $1 AND store = $2 AND id = $3`,
          [tenant, storeId, fileId],
        ),
      );
    },
    updateFile: (tenant, storeId, file) =>
      database.transaction([
        bumped(tenant, storeId),
        fileUpdated(tenant, storeId, file, owner, "TRUE"),
      ]),
    finishFile: (tenant, storeId, file, chunks) =>
      database.transaction([
        bumped(tenant, storeId),
        fileUpdated(tenant, storeId, file, owner, "status = 'in_progress'"),
        chunksDeleted(tenant, storeId, file.id),
        ...chunks.map((chunk) => chunkInserted(tenant, storeId, file.id, chunk)),
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
        bodyOf<VectorStoreFile>,
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
          ...fileUpdated(
            tenant,
            storeId,
            { ...file, status: "cancelled" },
            owner,
            "status = 'in_progress'",
          ),
          expect: 0,
        })),
      ]);
    },

    async fileChunks(tenant, storeId, fileId) {
      const rows = await database.query(
        `SELECT file, position, text, embedding FROM chunks
         WHERE tenant = $1 AND store = $2 AND file = $3 ORDER BY position`,
        [tenant, storeId, fileId],
      );
      return rows.map(chunkOf);
    },
    async *chunks(tenant, storeId) {
      let last: StoredChunk | undefined;
      while (true) {
        const rows = await database.query(
          `SELECT file, position, text, embedding FROM chunks
           WHERE tenant = $1 AND store = $2 AND (file, position) > ($3, CAST($4 AS BIGINT))
           ORDER BY file, position LIMIT $5`,
          [tenant, storeId, last?.fileId ?? "", last?.index ?? -1, CHUNK_PAGE],
        );
        const page = rows.map(chunkOf);
        last = page.at(-1);
        if (last === undefined) return;
        yield page;
      }
    },
  };
}

/** What an index of the store was built from has changed. Undone when there is no such store. */
function bumped(tenant: Tenant, storeId: string): Statement {
  return {
    sql: `UPDATE vector_stores SET revision = revision + 1 WHERE tenant = $1 AND id = $2`,
    params: [tenant, storeId],
    expect: 1,
  };
}

function fileInserted(
  tenant: Tenant,
  storeId: string,
  file: VectorStoreFile,
  owner: string,
  batchId: string | undefined,
): Statement[] {
  return [
    // Deleted first: its chunks go with it, and it comes first in the list.
    {
      sql: `DELETE FROM vector_store_files WHERE tenant = $1 AND store = $2 AND id = $3`,
      params: [tenant, storeId, file.id],
    },
    {
      sql: `INSERT INTO vector_store_files
        (tenant, store, id, status, batch, usage_bytes, owner, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      params: [
        tenant,
        storeId,
        file.id,
        file.status,
        batchId ?? null,
        file.usage_bytes,
        file.status === "in_progress" ? owner : null,
        JSON.stringify(file),
      ],
    },
  ];
}

function fileUpdated(
  tenant: Tenant,
  storeId: string,
  file: VectorStoreFile,
  owner: string,
  condition: string,
): Statement {
  return {
    sql: `UPDATE vector_store_files SET body = $4, status = $5, usage_bytes = $6, owner = $7
      WHERE tenant = $1 AND store = $2 AND id = $3 AND ${condition}`,
    params: [
      tenant,
      storeId,
      file.id,
      JSON.stringify(file),
      file.status,
      file.usage_bytes,
      file.status === "in_progress" ? owner : null,
    ],
    expect: 1,
  };
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

function chunksDeleted(tenant: Tenant, storeId: string, fileId: string): Statement {
  return {
    sql: `DELETE FROM chunks WHERE tenant = $1 AND store = $2 AND file = $3`,
    params: [tenant, storeId, fileId],
  };
}

function chunkInserted(tenant: Tenant, storeId: string, fileId: string, chunk: Chunk): Statement {
  const { buffer, byteOffset, byteLength } = chunk.embedding;
  return {
    sql: `INSERT INTO chunks (tenant, store, file, position, text, embedding)
      VALUES ($1, $2, $3, $4, $5, $6)`,
    params: [
      tenant,
      storeId,
      fileId,
      chunk.index,
      chunk.text,
      new Uint8Array(buffer, byteOffset, byteLength),
    ],
  };
}

function chunkOf(row: Row): StoredChunk {
  // Copied: a view of 32-bit floats must start at a multiple of four bytes.
  const bytes = Uint8Array.from(row["embedding"] as Uint8Array);
  return {
    fileId: String(row["file"]),
    index: Number(row["position"]),
    text: String(row["text"]),
    embedding: new Float32Array(bytes.buffer),
  };
}

async function takeOver(
  database: Database,
  owner: string,
  now: number,
  limit: number,
): Promise<{ tenant: Tenant; entry: VectorStoreFile }[]> {
  const rows = await database.query(
    `SELECT tenant, store, id, owner, body FROM vector_store_files
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
    .map((row) => ({ tenant: String(row["tenant"]), entry: bodyOf<VectorStoreFile>(row) }));
}
