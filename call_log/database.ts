/** The log's SQLite file: made, opened, checked. */
import { DatabaseSync } from "node:sqlite";
import { makePrivateFileSync, messageOf, UsageError } from "../service/mod.ts";
import { COLUMNS } from "./row.ts";

/** Version of the tables (`PRAGMA user_version`). */
const VERSION = 1;
/** Marks the file as ours (`PRAGMA application_id`): "LGcl". */
const APPLICATION = 0x4c47636c;

/** A reader waits so long for a writer, milliseconds. */
const BUSY_MS = 5_000;

/**
 * Opens a log for writing, and makes it where there is none, for its owner alone. A write-ahead log lets others read
 * meanwhile (https://sqlite.org/wal.html).
 *
 * @throws {UsageError} for a file that is none of ours, or of a newer version
 */
export function openForWriting(path: string): DatabaseSync {
  try {
    makePrivateFileSync(path);
  } catch (error) {
    throw new UsageError(`Cannot open the call log "${path}": ${messageOf(error)}`);
  }
  const database = open(path, false);
  if (versionOf(database) === 0) {
    database.exec(`
      PRAGMA auto_vacuum = INCREMENTAL;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA application_id = ${APPLICATION};
      CREATE TABLE calls (${COLUMNS.map(({ name, type }) => `${name} ${type}`).join(", ")});
      CREATE INDEX calls_by_time ON calls (time);
      CREATE TABLE losses (time INTEGER, calls INTEGER);
      PRAGMA user_version = ${VERSION};
    `);
  } else database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
  return database;
}

/**
 * Opens a log for reading.
 *
 * @throws {UsageError} for a file that is not there, or is none of ours
 */
export function openForReading(path: string): DatabaseSync {
  const database = open(path, true);
  if (versionOf(database) > 0) return database;
  database.close();
  throw new UsageError(`Cannot read the call log "${path}": the file is empty`);
}

function open(path: string, readOnly: boolean): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (readOnly) Deno.statSync(path);
    database = new DatabaseSync(path, { readOnly });
    database.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    const version = versionOf(database);
    const { application_id: id } = database.prepare("PRAGMA application_id").get() ?? {};
    const { tables } = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get() ?? {};
    if (Number(tables) > 0 && Number(id) !== APPLICATION) throw new Error("it is no call log");
    if (version > VERSION) throw new Error(`it is of version ${version}, a newer llmgate's`);
    return database;
  } catch (error) {
    database?.close();
    const verb = readOnly ? "read" : "open";
    throw new UsageError(`Cannot ${verb} the call log "${path}": ${messageOf(error)}`);
  }
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}
