/** Reads tables. */
import { parse } from "csv-parse/sync";
import { InvalidFileError } from "./errors.ts";

const DELIMITERS = [",", ";", "\t", "|"];

/**
 * A table as text: a line for each row, each value with its column's name, so that a chunk from the middle can be
 * understood. The first row holds the names.
 *
 * @throws {InvalidFileError} when a quote is not closed, or stands where none may (RFC 4180)
 */
export function textOfCsv(text: string): string {
  const head = text.slice(0, text.search(/\r?\n|$/));
  const count = (delimiter: string) => head.split(delimiter).length;
  const delimiter = DELIMITERS.reduce((best, next) => count(next) > count(best) ? next : best);
  let rows: string[][];
  try {
    rows = parse(text, { delimiter, relax_column_count: true, skip_empty_lines: true, trim: true });
  } catch (error) {
    throw new InvalidFileError(
      `The CSV cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  const [names = [], ...rest] = rows;
  if (rest.length === 0) return names.join(", ");
  return rest.map((row) =>
    row.map((value, column) => names[column] ? `${names[column]}: ${value}` : value).join(", ")
  ).join("\n");
}
