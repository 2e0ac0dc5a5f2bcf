/** The store on a SQL database. */
import { randomUUID } from "node:crypto";
import { UsageError } from "../../service/mod.ts";
import type { ResponseObject } from "../api/objects.ts";
import { connectorRows } from "./connector_rows.ts";
import { conversationRows } from "./conversation_rows.ts";
import type { Database } from "./database.ts";
import { fileRows } from "./file_rows.ts";
import { bodyOf } from "./lists.ts";
import { migrate, SCHEMA_VERSION } from "./migrations.ts";
import { promptRows } from "./prompt_rows.ts";
import { finishing, recording, responseRows, RUNNING } from "./response_rows.ts";
import { settingRows } from "./setting_rows.ts";
import type { Store } from "./store.ts";
import { vectorStoreRows } from "./vector_store_rows.ts";

/** Options of `openStore`. */
export interface StoreOptions {
  /** The time in Unix seconds; the system's when left out. Processes on one database must agree within seconds. */
  readonly now?: () => number;
  /** Called when a lease could not be renewed: another process may give up what this one works on. */
  readonly onError?: (error: unknown) => void;
}

/** How long a process counts as alive after its last sign of life, in seconds: two signs may be lost. */
export const LEASE_S = 30;
const RENEW_MS = 10_000;

/**
 * An answer does not wait for the disk: whoever has it lost nothing when the machine loses its last moments, and asks
 * again for what it cannot follow.
 */
const ANSWERED = { sync: false } as const;

/** Responses that one round of `recover` takes. */
const RECOVER_LIMIT = 200;

/** Until the end of times: nobody else can have the file. */
const FOREVER = Number.MAX_SAFE_INTEGER;

/** A store and what only tests need of it. */
export interface SqlStore extends Store {
  /** Says that this process is alive; happens by itself. */
  renew(): Promise<void>;
}

/**
 * Opens the store on a database, which it then owns: brings the schema up to date and takes a lease for this process.
 * On SQLite, whose file no other process can have, all other leases end at once.
 *
 * @throws {UsageError} when a newer llmgate has changed the schema
 */
export async function openStore(database: Database, options: StoreOptions = {}): Promise<SqlStore> {
  const { now = () => Math.floor(Date.now() / 1000), onError = () => {} } = options;
  const owner = randomUUID();
  const alone = database.dialect === "sqlite";
  const renew = async () => {
    await database.transaction([{
      sql: `INSERT INTO processes (owner, alive_until) VALUES ($1, $2)
        ON CONFLICT (owner) DO UPDATE SET alive_until = excluded.alive_until`,
      params: [owner, alone ? FOREVER : now() + LEASE_S],
    }]);
  };
  try {
    await migrate(database, (version) =>
      new UsageError(
        `Cannot use the store: its schema is version ${version}, and this program knows ${SCHEMA_VERSION}: use the newer program, or another store`,
      ));
    if (alone) await database.transaction([{ sql: `DELETE FROM processes` }]);
    await renew();
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
  const timer = alone ? undefined : setInterval(() => void renew().catch(onError), RENEW_MS);
  if (timer !== undefined) Deno.unrefTimer(timer);

  const context = { owner, now };
  return {
    responses: responseRows(database, context),
    conversations: conversationRows(database, context),
    prompts: promptRows(database, context),
    connectors: connectorRows(database, context),
    files: fileRows(database, context),
    vectorStores: vectorStoreRows(database, context),
    settings: settingRows(database),
    finish: (tenant, response, items) =>
      database.transaction(finishing(tenant, response, items, owner), ANSWERED),
    async record(tenant, entry, items) {
      await database.transaction(recording(tenant, entry, items, owner), ANSWERED);
    },
    recover: () => recover(database, owner, now()),
    async tidy() {
      await database.transaction([
        { sql: `DELETE FROM tombstones WHERE due <= $1`, params: [now()] },
        // Whose work has been given up or taken over; others must still be seen as dead.
        {
          sql: `DELETE FROM processes WHERE alive_until <= $1 AND owner <> $2`,
          params: [now(), owner],
        },
      ]);
    },
    renew,
    async [Symbol.asyncDispose]() {
      if (timer !== undefined) clearInterval(timer);
      try {
        await database.transaction([{
          sql: `DELETE FROM processes WHERE owner = $1`,
          params: [owner],
        }]);
      } catch (error) {
        // The lease runs out by itself.
        onError(error);
      } finally {
        await database[Symbol.asyncDispose]();
      }
    },
  };
}

async function recover(database: Database, owner: string, now: number): Promise<number> {
  let failed = 0;
  while (true) {
    const rows = await database.query(
      `SELECT tenant, id, owner, body FROM responses
       WHERE status IN ${RUNNING} AND owner <> $1
         AND owner NOT IN (SELECT owner FROM processes WHERE alive_until > $2)
       ORDER BY seq LIMIT $3`,
      [owner, now, RECOVER_LIMIT],
    );
    const done = await Promise.all(rows.map((row) =>
      database.transaction([{
        sql: `UPDATE responses SET body = $4, status = 'failed', owner = NULL
          WHERE tenant = $1 AND id = $2 AND owner = $3 AND status IN ${RUNNING}`,
        params: [
          ...["tenant", "id", "owner"].map((column) => row[column] ?? null),
          JSON.stringify(abandoned(bodyOf(row))),
        ],
        expect: 1,
      }])
    ));
    failed += done.filter(Boolean).length;
    if (rows.length < RECOVER_LIMIT) return failed;
  }
}

function abandoned(response: ResponseObject): ResponseObject {
  return {
    ...response,
    status: "failed",
    error: {
      code: "server_error",
      message: "The gateway was restarted while it worked on this response: send the request again",
    },
  };
}
