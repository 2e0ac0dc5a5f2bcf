/** Chunks of files, as rows. */
import type { Attributes } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Database, Row, Statement, Value } from "./database.ts";
import type { Chunk, VectorStoreStore } from "./store.ts";

type ChunkMethods = Pick<VectorStoreStore, "indexedFiles" | "fileChunks" | "chunkTexts">;

/** Rows of one INSERT: SQLite takes 32,766 parameters, PostgreSQL 65,535. */
const ROWS = 200;

/** Chunks that one query names: each takes three parameters. */
const NAMED = 100;

/** The part of a `VectorStoreStore` that the index is built from. */
export function chunkRows(database: Database): ChunkMethods {
  return {
    async indexedFiles(tenant, storeId) {
      const rows = await database.query(
        `SELECT id, revision, attributes, embedder FROM vector_store_files
         WHERE tenant = $1 AND store = $2 AND status = 'completed' ORDER BY seq`,
        [tenant, storeId],
      );
      return rows.map((row) => ({
        fileId: String(row["id"]),
        revision: Number(row["revision"]),
        attributes: (JSON.parse(String(row["attributes"])) ?? {}) as Attributes,
        embedder: String(row["embedder"]),
      }));
    },
    async fileChunks(tenant, storeId, fileId, first, limit) {
      const rows = await database.query(
        `SELECT position, start, text, embedding FROM chunks
         WHERE tenant = $1 AND store = $2 AND file = $3 AND position >= $4
         ORDER BY position LIMIT $5`,
        [tenant, storeId, fileId, first, limit],
      );
      return rows.map(chunkOf);
    },
    async chunkTexts(tenant, ids) {
      const texts = new Map<string, string>();
      const keyOf = (storeId: unknown, fileId: unknown, index: unknown) =>
        `${storeId} ${fileId} ${index}`;
      for (let at = 0; at < ids.length; at += NAMED) {
        const values: Value[] = [tenant];
        // Each by the whole key: of an OR, SQLite would read every chunk of the tenant.
        const selects = ids.slice(at, at + NAMED).map(({ storeId, fileId, index }) => {
          const [store, file, position] = [storeId, fileId, index].map((value) =>
            `$${values.push(value)}`
          );
          return `SELECT store, file, position, text FROM chunks
            WHERE tenant = $1 AND store = ${store} AND file = ${file} AND position = ${position}`;
        });
        const rows = await database.query(selects.join(" UNION ALL "), values);
        for (const row of rows) {
          texts.set(keyOf(row["store"], row["file"], row["position"]), String(row["text"]));
        }
      }
      return ids.map(({ storeId, fileId, index }) => texts.get(keyOf(storeId, fileId, index)));
    },
  };
}

/** The statement that drops a file's chunks. */
export function chunksDeleted(tenant: Tenant, storeId: string, fileId: string): Statement {
  return {
    sql: `DELETE FROM chunks WHERE tenant = $1 AND store = $2 AND file = $3`,
    params: [tenant, storeId, fileId],
  };
}

/** The statements that add a file's chunks, many a statement. */
export function chunksInserted(
  tenant: Tenant,
  storeId: string,
  fileId: string,
  chunks: readonly Chunk[],
): Statement[] {
  const statements: Statement[] = [];
  for (let at = 0; at < chunks.length; at += ROWS) {
    const values: Value[] = [tenant, storeId, fileId];
    const rows = chunks.slice(at, at + ROWS).map(({ index, start, text, embedding }) => {
      const { buffer, byteOffset, byteLength } = embedding;
      // Copied: a view would take the whole buffer along to the database's thread, once a chunk.
      const bytes = new Uint8Array(buffer, byteOffset, byteLength).slice();
      const own = [index, start, text, bytes].map((value) => `$${values.push(value)}`);
      return `($1, $2, $3, ${own.join(", ")})`;
    });
    statements.push({
      sql: `INSERT INTO chunks (tenant, store, file, position, start, text, embedding)
        VALUES ${rows.join(", ")}`,
      params: values,
    });
  }
  return statements;
}

function chunkOf(row: Row): Chunk {
  // Copied: a view of 16-bit numbers must start at a multiple of two bytes.
  const bytes = new Uint8Array(row["embedding"] as Uint8Array);
  return {
    index: Number(row["position"]),
    start: Number(row["start"]),
    text: String(row["text"]),
    embedding: new Int16Array(bytes.buffer),
  };
}
