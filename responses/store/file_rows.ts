/** Files, as rows. */
import type { FileObject } from "../api/objects.ts";
import type { Database } from "./database.ts";
import { bodyOf, type List, readPage, removal } from "./lists.ts";
import type { FileStore } from "./store.ts";

const FILES: List = { table: "files" };

export function fileRows(database: Database, { now }: { now: () => number }): FileStore {
  return {
    async reserve(blob, due) {
      await database.transaction([{
        sql: `INSERT INTO garbage (blob, due) VALUES ($1, $2)`,
        params: [blob, due],
      }]);
    },
    create: (tenant, { file, blob }) =>
      database.transaction([
        {
          sql: `DELETE FROM garbage WHERE blob = $1 AND due > $2`,
          params: [blob, now()],
          expect: 1,
        },
        {
          sql: `INSERT INTO files (tenant, id, purpose, expires_at, blob, body)
            VALUES ($1, $2, $3, $4, $5, $6)`,
          params: [tenant, file.id, file.purpose, file.expires_at, blob, JSON.stringify(file)],
        },
      ]),
    async get(tenant, id) {
      const [row] = await database.query(
        `SELECT body, blob FROM files WHERE tenant = $1 AND id = $2`,
        [tenant, id],
      );
      return row && { file: bodyOf<FileObject>(row), blob: String(row["blob"]) };
    },
    delete: (tenant, id) =>
      database.transaction([
        {
          sql: `INSERT INTO garbage (blob, due)
            SELECT blob, CAST($3 AS BIGINT) FROM files WHERE tenant = $1 AND id = $2`,
          params: [tenant, id, now()],
          expect: 1,
        },
        {
          sql: `UPDATE vector_stores SET revision = revision + 1
            WHERE tenant = $1 AND id IN (SELECT store FROM vector_store_files WHERE tenant = $1 AND id = $2)`,
          params: [tenant, id],
        },
        {
          sql: `DELETE FROM vector_store_files WHERE tenant = $1 AND id = $2`,
          params: [tenant, id],
        },
        ...removal(FILES, { tenant, id, now: now() }),
      ]),
    list: (tenant, page, { purpose } = {}) =>
      readPage(database, FILES, { tenant, page, filter: { purpose } }, bodyOf<FileObject>),
    async expired(at, limit) {
      const rows = await database.query(
        `SELECT tenant, body FROM files WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2`,
        [at, limit],
      );
      return rows.map((row) => ({ tenant: String(row["tenant"]), entry: bodyOf(row) }));
    },
    async garbage(at, limit) {
      const rows = await database.query(
        `SELECT blob FROM garbage WHERE due <= $1 ORDER BY due LIMIT $2`,
        [at, limit],
      );
      return rows.map(({ blob }) => String(blob));
    },
    async forget(blob) {
      await database.transaction([{
        sql: `DELETE FROM garbage WHERE blob = $1`,
        params: [blob],
      }]);
    },
  };
}
