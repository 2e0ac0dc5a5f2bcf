/**
 * Regular expressions that people write: RE2's syntax, and no text over which one of them runs for ever.
 *
 * ```ts
 * import { compilePattern, loadPatterns } from "../patterns/mod.ts";
 *
 * await loadPatterns();
 * compilePattern("(a+)+", { whole: true }).test(`${"a".repeat(50_000)}!`); // false, at once
 * ```
 *
 * @module
 */
export { compileGlob, type GlobOptions } from "./glob.ts";
export { compilePattern, loadPatterns, type Pattern, type PatternOptions } from "./pattern.ts";
