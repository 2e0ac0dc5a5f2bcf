/** Expressions in linear time, by a port of RE2. Loaded late: few files have an expression that needs it. */
import { RE2JS } from "re2js";
import type { Pattern, PatternOptions } from "./pattern.ts";

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
};

/** @throws {SyntaxError} for what RE2 does not know */
export function linearEngine(
  source: string,
  { flags = "", whole = false }: PatternOptions,
): Pattern {
  let expression: RE2JS;
  try {
    const bits = [...flags].reduce((sum, flag) => sum | (FLAGS[flag] ?? 0), 0);
    expression = RE2JS.compile(RE2JS.translateRegExp(source), bits);
  } catch (error) {
    throw new SyntaxError(error instanceof Error ? error.message : String(error));
  }
  return { test: (text) => whole ? expression.testExact(text) : expression.test(text) };
}
