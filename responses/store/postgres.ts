/** The database on PostgreSQL. */
import { delay, messageOf, UnavailableError } from "../../service/mod.ts";
import { type Database, DatabaseError, type Statement } from "./database.ts";

/** Connections of one process: enough for its queries, few enough for many replicas at the default limit of 100. */
const CONNECTIONS = 10;

const CONNECT_TIMEOUT_S = 10;

/** How long dispose waits for what runs, in seconds. */
const CLOSE_TIMEOUT_S = 5;

/**
 * Errors that a second attempt may mend (https://www.postgresql.org/docs/current/errcodes-appendix.html): a serialization
 * failure, a deadlock, and a key that another process took or freed between two statements.
 */
const CONFLICTS = new Set(["40001", "40P01", "23503", "23505"]);

/** A server that restarts, and connections that died with it: SQLSTATEs, and the driver's and the system's words. */
const LOST = new Set([
  ...["57P01", "57P02", "57P03"],
  ...["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED"],
  ...["ECONNRESET", "EPIPE"],
]);

/** Attempts in all, and the pause after the first one in milliseconds; each further pause is twice as long. */
const ATTEMPTS = 5;
const PAUSE_MS = 20;

/** OID of BIGINT; the driver gives it as text, because it could pass 2^53. Ours do not. */
const BIGINT = 20;

/** https://www.postgresql.org/docs/current/wal-async-commit.html */
const UNSYNCED: Statement = { sql: "SET LOCAL synchronous_commit TO off" };

/** One attempt at a transaction. */
interface Progress {
  readonly sync: boolean;
  committing: boolean;
}

/** Ends a transaction that touched fewer rows than it expects. */
class Undone extends Error {}

/**
 * Connects to PostgreSQL (13 or newer) by URL: `postgres://user:password@host:5432/database`, `?sslmode=require` for
 * TLS. Several processes may share one database.
 *
 * @throws {UnavailableError} when it cannot be reached, or refuses the credentials
 */
export async function openPostgres({ url }: { readonly url: string }): Promise<Database> {
  const { default: postgres } = await import("postgres");
  const sql = postgres(url, {
    max: CONNECTIONS,
    connect_timeout: CONNECT_TIMEOUT_S,
    // Spares a query for the types of a database that has none of its own.
    fetch_types: false,
    onnotice: () => {},
    types: {
      bigint: { to: BIGINT, from: [BIGINT], serialize: String, parse: Number },
    },
  });
  try {
    await sql.unsafe("SELECT 1");
  } catch (error) {
    await sql.end({ timeout: 0 });
    throw new UnavailableError(
      `Cannot open the store at ${withoutPassword(url)}: ${messageOf(error)}`,
    );
  }

  const query: Database["query"] = async (text, params = []) => [
    ...await sql.unsafe(text, params.map(storable), { prepare: params.length > 0 }),
  ];

  const run = async (given: readonly Statement[], progress: Progress) => {
    const statements = progress.sync ? given : [UNSYNCED, ...given];
    try {
      await sql.begin(async (transaction) => {
        // Sent together, so that a transaction takes one round trip and not one a statement.
        const ended = await Promise.allSettled(
          statements.map(({ sql: text, params = [] }) =>
            transaction.unsafe(text, params.map(storable), { prepare: params.length > 0 })
          ),
        );
        // The first one that is amiss is the reason; what comes after it only follows from it.
        for (const [index, result] of ended.entries()) {
          if (result.status === "rejected") throw result.reason;
          if (result.value.count < (statements[index]?.expect ?? 0)) throw new Undone();
        }
        progress.committing = true;
      });
      return true;
    } catch (error) {
      if (error instanceof Undone) return false;
      throw error;
    }
  };

  return {
    dialect: "postgres",
    query: (text, params) => repeated(() => query(text, params), (code) => LOST.has(code)),
    transaction(statements, { sync = true } = {}) {
      let progress: Progress = { sync, committing: false };
      return repeated(
        () => run(statements, progress = { sync, committing: false }),
        // Whether a commit that got no answer took place, nobody knows: it is not repeated.
        (code) => CONFLICTS.has(code) || (LOST.has(code) && !progress.committing),
      );
    },
    [Symbol.asyncDispose]: () => sql.end({ timeout: CLOSE_TIMEOUT_S }),
  };
}

/** Repeats what failed with a code that is worth it. */
async function repeated<T>(work: () => Promise<T>, worthIt: (code: string) => boolean): Promise<T> {
  for (let attempt = 1;; attempt++) {
    try {
      return await work();
    } catch (error) {
      const { code = "" } = error as { code?: string };
      if (attempt === ATTEMPTS || !worthIt(code)) throw new DatabaseError(messageOf(error));
      await delay(PAUSE_MS * 2 ** (attempt - 1));
    }
  }
}

/** PostgreSQL's text has no NUL; in JSON it is escaped, elsewhere it means no more than any other odd mark. */
function storable<T>(value: T): T | string {
  return typeof value === "string" ? value.replaceAll("\0", "\ufffd") : value;
}

function withoutPassword(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `postgres://${host}${pathname}`;
  } catch {
    return "the given URL, which is none";
  }
}
