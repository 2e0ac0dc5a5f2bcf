/**
 * The call log: a row in SQLite for each finished request, written on a thread beside the requests;
 * bounded by age and size, with its losses counted; and questions to it.
 *
 * ```ts
 * import { callsOf, openForReading, startCallLog } from "../call_log/mod.ts";
 *
 * await using log = await startCallLog({ path: "calls.db" });
 * await log.trends({ since: "1h", by: "tenant" });
 * using database = openForReading("calls.db");
 * callsOf(database, { status: "5xx" }, 10);
 * ```
 *
 * @module
 */
export { type Bounds, prune } from "./bounds.ts";
export { type CallLog, type CallLogOptions, startCallLog } from "./call_log.ts";
export { openForReading, openForWriting } from "./database.ts";
export { spanOf } from "./periods.ts";
export {
  type Call,
  type CallFilter,
  callsOf,
  COLUMN_NAMES,
  eachCall,
  type Grouping,
  GROUPINGS,
  lossesOf,
  type Point,
  type Sums,
  sumsBy,
  trendsOf,
} from "./query.ts";
export { COLUMNS } from "./row.ts";
