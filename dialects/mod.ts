/**
 * The wire formats of providers beside each other: which one a path speaks, how each shapes an error, and
 * what an answer in any of them says.
 *
 * ```ts
 * import { dialectOf, errorIn } from "../dialects/mod.ts";
 *
 * const dialect = dialectOf("/v1/messages"); // "anthropic"
 * errorIn(dialect, 529, { message: "Overloaded" }).body; // { type: "error", error: { type: "overloaded_error", … } }
 * ```
 *
 * @module
 */
export { type Dialect, dialectOf, DIALECTS } from "./paths.ts";
export { type DialectError, errorIn, type ErrorInit } from "./errors.ts";
export { readSaid, type Said, type SaidCall } from "./said.ts";
export {
  type Ask,
  type AskChoice,
  type AskTool,
  type AskTurn,
  questionOf,
  reasoningTokens,
} from "./ask.ts";
export { type Reply, type ReplyCall } from "./reply.ts";
