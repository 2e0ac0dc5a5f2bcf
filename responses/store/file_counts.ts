/** Counts of files by status, in SQL. */
import type { FileCounts } from "../api/objects.ts";
import type { Row } from "./database.ts";

const FILE_STATUSES = ["in_progress", "completed", "failed", "cancelled"] as const;

/** How many files stand in each status: counted when read, so that the counts can never be wrong. */
export function fileCountColumns(where: string): string {
  return FILE_STATUSES.map((status) =>
    `(SELECT COUNT(*) FROM vector_store_files f WHERE ${where} AND f.status = '${status}') AS ${status}`
  ).join(", ");
}

/** The counts in a row with `fileCountColumns`. */
export function fileCountsOf(row: Row): FileCounts {
  const [in_progress = 0, completed = 0, failed = 0, cancelled = 0] = FILE_STATUSES.map((status) =>
    Number(row[status])
  );
  return {
    in_progress,
    completed,
    failed,
    cancelled,
    total: in_progress + completed + failed + cancelled,
  };
}
