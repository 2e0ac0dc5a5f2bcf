/** Keeps a log within its bounds: old calls go, and the oldest of one that is too large. */
import type { DatabaseSync } from "node:sqlite";

/** How much a log keeps. */
export interface Bounds {
  readonly days: number;
  readonly megabytes: number;
}

const DAY_MS = 86_400_000;

/** Part of the calls that go when the file is too large, so that it is not cut at every turn. */
const SHARE = 0.1;

/** Removes what is beyond the bounds and returns how many calls went. */
export function prune(
  database: DatabaseSync,
  { days, megabytes }: Bounds,
  now = Date.now(),
): number {
  const old = database.prepare("DELETE FROM calls WHERE time < ?").run(now - days * DAY_MS);
  database.prepare("DELETE FROM losses WHERE time < ?").run(now - days * DAY_MS);
  let gone = Number(old.changes);
  while (sizeOf(database) > megabytes * 1_000_000) {
    const { calls } = database.prepare("SELECT count(*) AS calls FROM calls").get() ?? {};
    if (Number(calls) === 0) break;
    const cut = database.prepare(
      "DELETE FROM calls WHERE rowid IN (SELECT rowid FROM calls ORDER BY time LIMIT ?)",
    ).run(Math.ceil(Number(calls) * SHARE));
    gone += Number(cut.changes);
  }
  // A row for each page that is given back: exec() would take the first one only.
  database.prepare("PRAGMA incremental_vacuum").all();
  return gone;
}

/** Bytes of the pages in use. */
function sizeOf(database: DatabaseSync): number {
  const value = (pragma: string) =>
    Number(Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
  return (value("page_count") - value("freelist_count")) * value("page_size");
}
