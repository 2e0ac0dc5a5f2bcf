/** The schema of the database, step by step. */
import type { Database, Dialect, Statement } from "./database.ts";

/** Column types, and the like, that the dialects name differently; `{key}` in a migration stands for one. */
const TYPES: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  sqlite: {
    serial: "INTEGER PRIMARY KEY AUTOINCREMENT",
    integer: "INTEGER",
    bytes: "BLOB",
    previous: "json_extract(body, '$.previous_response_id')",
  },
  postgres: {
    serial: "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    integer: "BIGINT",
    bytes: "BYTEA",
    previous: "body::json->>'previous_response_id'",
  },
};

/**
 * The schema, as the steps that lead to it. A step that has been released is never changed; a new one is added.
 * `seq` orders lists by arrival. `body` is the object's JSON, the other columns are what is searched by.
 */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE responses (
      seq {serial}, tenant TEXT NOT NULL, id TEXT NOT NULL, model TEXT NOT NULL, status TEXT NOT NULL,
      owner TEXT, body TEXT NOT NULL, input TEXT NOT NULL, UNIQUE (tenant, id))`,
    `CREATE INDEX responses_list ON responses (tenant, seq)`,
    `CREATE INDEX responses_running ON responses (owner) WHERE status IN ('queued', 'in_progress')`,

    `CREATE TABLE conversations (
      seq {serial}, tenant TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (tenant, id))`,
    `CREATE INDEX conversations_list ON conversations (tenant, seq)`,
    `CREATE TABLE conversation_items (
      seq {serial}, tenant TEXT NOT NULL, conversation TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
      UNIQUE (tenant, conversation, id),
      FOREIGN KEY (tenant, conversation) REFERENCES conversations (tenant, id) ON DELETE CASCADE)`,
    `CREATE INDEX conversation_items_list ON conversation_items (tenant, conversation, seq)`,

    `CREATE TABLE prompts (
      seq {serial}, tenant TEXT NOT NULL, id TEXT NOT NULL,
      latest {integer} NOT NULL, standard {integer} NOT NULL, UNIQUE (tenant, id))`,
    `CREATE INDEX prompts_list ON prompts (tenant, seq)`,
    `CREATE TABLE prompt_versions (
      tenant TEXT NOT NULL, prompt TEXT NOT NULL, version {integer} NOT NULL, body TEXT NOT NULL,
      PRIMARY KEY (tenant, prompt, version),
      FOREIGN KEY (tenant, prompt) REFERENCES prompts (tenant, id) ON DELETE CASCADE)`,

    `CREATE TABLE connectors (
      seq {serial}, tenant TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, UNIQUE (tenant, id))`,
    `CREATE INDEX connectors_list ON connectors (tenant, seq)`,

    `CREATE TABLE files (
      seq {serial}, tenant TEXT NOT NULL, id TEXT NOT NULL, purpose TEXT NOT NULL, expires_at {integer},
      blob TEXT NOT NULL UNIQUE, body TEXT NOT NULL, UNIQUE (tenant, id))`,
    `CREATE INDEX files_list ON files (tenant, seq)`,
    `CREATE INDEX files_expiry ON files (expires_at) WHERE expires_at IS NOT NULL`,
    `CREATE TABLE garbage (blob TEXT PRIMARY KEY, due {integer} NOT NULL)`,

    `CREATE TABLE vector_stores (
      seq {serial}, tenant TEXT NOT NULL, id TEXT NOT NULL, last_active_at {integer} NOT NULL,
      idle_days {integer}, expires_at {integer}, expired {integer} NOT NULL,
      revision {integer} NOT NULL, body TEXT NOT NULL, UNIQUE (tenant, id))`,
    `CREATE INDEX vector_stores_list ON vector_stores (tenant, seq)`,
    `CREATE INDEX vector_stores_expiry ON vector_stores (expires_at) WHERE expires_at IS NOT NULL`,
    `CREATE TABLE vector_store_batches (
      seq {serial}, tenant TEXT NOT NULL, store TEXT NOT NULL, id TEXT NOT NULL,
      total {integer} NOT NULL, stopped {integer} NOT NULL, body TEXT NOT NULL,
      UNIQUE (tenant, store, id),
      FOREIGN KEY (tenant, store) REFERENCES vector_stores (tenant, id) ON DELETE CASCADE)`,
    `CREATE TABLE vector_store_files (
      seq {serial}, tenant TEXT NOT NULL, store TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL,
      batch TEXT, usage_bytes {integer} NOT NULL, owner TEXT, attributes TEXT NOT NULL,
      revision {integer} NOT NULL, embedder TEXT, body TEXT NOT NULL,
      UNIQUE (tenant, store, id),
      FOREIGN KEY (tenant, store) REFERENCES vector_stores (tenant, id) ON DELETE CASCADE)`,
    `CREATE INDEX vector_store_files_list ON vector_store_files (tenant, store, seq)`,
    `CREATE INDEX vector_store_files_file ON vector_store_files (tenant, id)`,
    `CREATE INDEX vector_store_files_running ON vector_store_files (owner) WHERE status = 'in_progress'`,
    `CREATE TABLE chunks (
      tenant TEXT NOT NULL, store TEXT NOT NULL, file TEXT NOT NULL, position {integer} NOT NULL,
      start {integer} NOT NULL, text TEXT NOT NULL, embedding {bytes} NOT NULL,
      PRIMARY KEY (tenant, store, file, position),
      FOREIGN KEY (tenant, store, file)
        REFERENCES vector_store_files (tenant, store, id) ON DELETE CASCADE)`,

    // A cursor outlives its object: who deletes while paging still gets the next page.
    `CREATE TABLE tombstones (
      list TEXT NOT NULL, tenant TEXT NOT NULL, parent TEXT NOT NULL, id TEXT NOT NULL,
      place {integer} NOT NULL, due {integer} NOT NULL, PRIMARY KEY (list, tenant, parent, id))`,
    `CREATE INDEX tombstones_due ON tombstones (due)`,
    // The processes that share the database, each with the time (Unix seconds) until which it counts as alive.
    `CREATE TABLE processes (owner TEXT PRIMARY KEY, alive_until {integer} NOT NULL)`,
  ],
  [
    // A chain of responses is read at once, and an item is found wherever it stands.
    `ALTER TABLE responses ADD COLUMN previous TEXT`,
    `UPDATE responses SET previous = {previous}`,
    `CREATE INDEX conversation_items_id ON conversation_items (tenant, id)`,
    `CREATE TABLE conversation_claims (
      tenant TEXT NOT NULL, conversation TEXT NOT NULL, owner TEXT NOT NULL,
      PRIMARY KEY (tenant, conversation))`,
    `CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)`,
  ],
];

/** How many steps there are: the schema version that this program works with. */
export const SCHEMA_VERSION = MIGRATIONS.length;

const VERSION_TABLE = `CREATE TABLE IF NOT EXISTS schema_version (version {integer} PRIMARY KEY)`;

/**
 * Brings the schema up to date, one transaction a step; the version table's key makes sure that of several processes
 * only one takes a step.
 *
 * @throws {Error} when a newer program has been here
 */
export async function migrate(database: Database, newerThan: (version: number) => Error) {
  const local = (sql: string): Statement => ({ sql: inDialect(sql, database.dialect) });
  await onlyOnce(database, [local(VERSION_TABLE)]);
  for (let at = await versionOf(database); at < SCHEMA_VERSION; at = await versionOf(database)) {
    const version = at + 1;
    await onlyOnce(database, [
      { sql: `INSERT INTO schema_version (version) VALUES ($1)`, params: [version] },
      ...(MIGRATIONS[at] ?? []).map(local),
    ], async () => await versionOf(database) >= version);
  }
  const version = await versionOf(database);
  if (version > SCHEMA_VERSION) throw newerThan(version);
}

async function versionOf(database: Database): Promise<number> {
  const [row] = await database.query(`SELECT MAX(version) AS version FROM schema_version`);
  return Number(row?.["version"] ?? 0);
}

/** Two processes that start at once may collide in a step: then the other one has taken it. */
async function onlyOnce(
  database: Database,
  statements: readonly Statement[],
  taken: () => Promise<boolean> = () => versionOf(database).then(() => true),
): Promise<void> {
  try {
    await database.transaction(statements);
  } catch (error) {
    if (!await taken().catch(() => false)) throw error;
  }
}

function inDialect(sql: string, dialect: Dialect): string {
  return sql.replace(/\{(\w+)\}/g, (token, name: string) => TYPES[dialect][name] ?? token);
}
