/** Envoy's matcher of texts. */
import { compilePattern } from "../patterns/mod.ts";
import { type Json, type JsonObject, valueAt } from "./tree.ts";

/** Tells whether a StringMatcher (envoy.type.matcher.v3), in canonical form, matches a text in lower case. */
export function matchesText(matcher: JsonObject, text: string): boolean {
  const fold = (value: Json) =>
    matcher.ignore_case === true ? String(value).toLowerCase() : String(value);
  const { exact, prefix, suffix, contains } = matcher;
  if (exact !== undefined) return text === fold(exact);
  if (prefix !== undefined) return text.startsWith(fold(prefix));
  if (suffix !== undefined) return text.endsWith(fold(suffix));
  if (contains !== undefined) return text.includes(fold(contains));
  const regex = valueAt(matcher, "safe_regex/regex");
  return typeof regex === "string" && compilePattern(`^(?:${regex})$`).test(text);
}
