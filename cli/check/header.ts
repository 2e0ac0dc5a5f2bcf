/** Reads a header that a flag gives. */
import { UsageError } from "../../service/mod.ts";

/**
 * Reads `name: value`.
 *
 * @throws {UsageError} that names the flag, and not the value: it may be a secret
 */
export function headerOf(text: string, flag: string): [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) *: *(\S.*)$/.exec(text);
  if (!match) throw new UsageError(`Cannot use ${flag}: it must be 'name: value'`);
  return [match[1] ?? "", match[2] ?? ""];
}
