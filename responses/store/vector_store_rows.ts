/** Vector stores, as rows. */
import type { VectorStore } from "../api/objects.ts";
import type { Database, Row } from "./database.ts";
import { fileCountColumns, fileCountsOf } from "./file_counts.ts";
import { bodyOf, type List, readPage, removal } from "./lists.ts";
import type { VectorStoreStore } from "./store.ts";
import { chunkRows } from "./chunk_rows.ts";
import { fileInserted, vectorStoreFileRows } from "./vector_store_file_rows.ts";

const DAY_S = 86_400;

const OWN_FILES = "f.tenant = t.tenant AND f.store = t.id";

const STORES: List = {
  table: "vector_stores",
  columns: `t.body, t.expired, t.last_active_at, t.expires_at, ${fileCountColumns(OWN_FILES)},
    (SELECT COALESCE(SUM(f.usage_bytes), 0) FROM vector_store_files f WHERE ${OWN_FILES}) AS usage_bytes`,
};

export function vectorStoreRows(
  database: Database,
  { owner, now }: { owner: string; now: () => number },
): VectorStoreStore {
  return {
    ...vectorStoreFileRows(database, { owner, now }),
    ...chunkRows(database),
    async create(tenant, store, files = []) {
      const days = store.expires_after?.days ?? null;
      const active = store.last_active_at ?? store.created_at;
      await database.transaction([{
        sql: `INSERT INTO vector_stores
          (tenant, id, body, last_active_at, idle_days, expires_at, expired, revision)
          VALUES ($1, $2, $3, $4, $5, $6, 0, 0)`,
        params: [tenant, store.id, JSON.stringify(store), active, days, dueAt(active, days)],
      }, ...files.flatMap((file) => fileInserted(tenant, store.id, file, owner))]);
    },
    async get(tenant, id) {
      const [row] = await database.query(
        `SELECT ${STORES.columns} FROM vector_stores t WHERE t.tenant = $1 AND t.id = $2`,
        [tenant, id],
      );
      return row && storeOf(row);
    },
    update: (tenant, store) =>
      database.transaction([{
        sql: `UPDATE vector_stores SET body = $3, idle_days = CAST($4 AS BIGINT),
          expires_at = last_active_at + CAST($4 AS BIGINT) * ${DAY_S}
          WHERE tenant = $1 AND id = $2`,
        params: [tenant, store.id, JSON.stringify(store), store.expires_after?.days ?? null],
        expect: 1,
      }]),
    async recent(limit) {
      const rows = await database.query(
        `SELECT t.tenant, ${STORES.columns} FROM vector_stores t
         WHERE t.expired = 0 AND EXISTS (SELECT 1 FROM vector_store_files f WHERE ${OWN_FILES})
         ORDER BY t.last_active_at DESC, t.seq DESC LIMIT $1`,
        [limit],
      );
      return rows.map((row) => ({ tenant: String(row["tenant"]), entry: storeOf(row) }));
    },
    touch: (tenant, id) =>
      database.transaction([{
        sql: `UPDATE vector_stores
          SET last_active_at = CAST($3 AS BIGINT), expires_at = CAST($3 AS BIGINT) + idle_days * ${DAY_S}
          WHERE tenant = $1 AND id = $2 AND expired = 0`,
        params: [tenant, id, now()],
        expect: 1,
      }]),
    delete: (tenant, id) => database.transaction(removal(STORES, { tenant, id, now: now() })),
    list: (tenant, page) => readPage(database, STORES, { tenant, page }, storeOf),
    async expired(at, limit) {
      const rows = await database.query(
        `SELECT t.tenant, ${STORES.columns} FROM vector_stores t
         WHERE t.expires_at <= $1 AND t.expired = 0 ORDER BY t.expires_at LIMIT $2`,
        [at, limit],
      );
      return rows.map((row) => ({ tenant: String(row["tenant"]), entry: storeOf(row) }));
    },
    expire: (tenant, id) =>
      database.transaction([
        {
          sql: `UPDATE vector_stores SET expired = 1, revision = revision + 1
            WHERE tenant = $1 AND id = $2 AND expired = 0 AND expires_at <= $3`,
          params: [tenant, id, now()],
          expect: 1,
        },
        { sql: `DELETE FROM chunks WHERE tenant = $1 AND store = $2`, params: [tenant, id] },
      ]),
    async revision(tenant, id) {
      const [row] = await database.query(
        `SELECT revision FROM vector_stores WHERE tenant = $1 AND id = $2`,
        [tenant, id],
      );
      return row && Number(row["revision"]);
    },
  };
}

function storeOf(row: Row): VectorStore {
  const file_counts = fileCountsOf(row);
  const working = file_counts.in_progress > 0 ? "in_progress" : "completed";
  return {
    ...bodyOf<VectorStore>(row),
    last_active_at: Number(row["last_active_at"]),
    expires_at: row["expires_at"] === null ? null : Number(row["expires_at"]),
    status: Number(row["expired"]) === 1 ? "expired" : working,
    file_counts,
    usage_bytes: Number(row["usage_bytes"]),
  };
}

function dueAt(active: number, days: number | null): number | null {
  return days === null ? null : active + days * DAY_S;
}
