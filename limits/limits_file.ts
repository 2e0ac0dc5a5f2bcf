/** Reads a limits file, and says where it is wrong: file, line, column, and what was expected. */
import { parseData } from "../data_files/mod.ts";
import { LIMITS_FILE, type LimitsFile } from "./limits_schema.ts";

/**
 * Parses limits, YAML or JSON.
 *
 * @param file what the error calls the file
 * @throws {UsageError} with one line per finding
 */
export function parseLimits(text: string, file: string): LimitsFile {
  return parseData(LIMITS_FILE, text, file);
}
