/** Prompts and their versions, as rows. */
import type { Prompt } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Database, Row, Statement } from "./database.ts";
import { bodyOf, type List, readPage, removal } from "./lists.ts";
import type { PromptStore } from "./store.ts";

/** One entry a prompt: its default version. */
const PROMPTS: List = {
  table: "prompts",
  join: `JOIN prompt_versions v
    ON v.tenant = t.tenant AND v.prompt = t.id AND v.version = t.standard`,
  columns: "v.body, 1 AS is_default",
};

export function promptRows(database: Database, { now }: { now: () => number }): PromptStore {
  return {
    async create(tenant, prompt) {
      await database.transaction([
        {
          sql: `INSERT INTO prompts (tenant, id, latest, standard) VALUES ($1, $2, $3, $3)`,
          params: [tenant, prompt.id, prompt.version],
        },
        versionInserted(tenant, prompt),
      ]);
    },
    async get(tenant, id, version) {
      const [row] = await database.query(
        `SELECT v.body, CASE WHEN v.version = t.standard THEN 1 ELSE 0 END AS is_default
         FROM prompts t JOIN prompt_versions v ON v.tenant = t.tenant AND v.prompt = t.id
         WHERE t.tenant = $1 AND t.id = $2 AND v.version = COALESCE(CAST($3 AS BIGINT), t.standard)`,
        [tenant, id, version ?? null],
      );
      return row && promptOf(row);
    },
    addVersion: (tenant, prompt) =>
      database.transaction([
        {
          sql:
            `UPDATE prompts SET latest = $3, standard = CASE WHEN $4 = 1 THEN $3 ELSE standard END
            WHERE tenant = $1 AND id = $2 AND latest = $3 - 1`,
          params: [tenant, prompt.id, prompt.version, prompt.is_default ? 1 : 0],
          expect: 1,
        },
        versionInserted(tenant, prompt),
      ]),
    setDefault: (tenant, id, version) =>
      database.transaction([{
        // Versions run from 1 to the latest without gaps.
        sql: `UPDATE prompts SET standard = $3
          WHERE tenant = $1 AND id = $2 AND $3 BETWEEN 1 AND latest`,
        params: [tenant, id, version],
        expect: 1,
      }]),
    list: (tenant, page) => readPage(database, PROMPTS, { tenant, page }, promptOf),
    async versions(tenant, id) {
      const rows = await database.query(
        `SELECT v.body, CASE WHEN v.version = t.standard THEN 1 ELSE 0 END AS is_default
         FROM prompts t JOIN prompt_versions v ON v.tenant = t.tenant AND v.prompt = t.id
         WHERE t.tenant = $1 AND t.id = $2 ORDER BY v.version`,
        [tenant, id],
      );
      return rows.map(promptOf);
    },
    delete: (tenant, id) => database.transaction(removal(PROMPTS, { tenant, id, now: now() })),
  };
}

function versionInserted(tenant: Tenant, prompt: Prompt): Statement {
  return {
    sql: `INSERT INTO prompt_versions (tenant, prompt, version, body) VALUES ($1, $2, $3, $4)`,
    params: [tenant, prompt.id, prompt.version, JSON.stringify(prompt)],
  };
}

/** Which version is the default changes without the versions: it stands in the prompt's own row. */
function promptOf(row: Row): Prompt {
  return { ...bodyOf<Prompt>(row), is_default: row["is_default"] === 1 };
}
