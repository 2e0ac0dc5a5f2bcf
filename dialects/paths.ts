/** Which dialect a request speaks, by its path, and by its headers where paths are shared. */

/** The wire formats that are known: OpenAI's APIs, Anthropic's Messages, Gemini's `generateContent`. */
export const DIALECTS = ["openai", "anthropic", "gemini"] as const;

/** One of the wire formats. */
export type Dialect = typeof DIALECTS[number];

/** Paths that one dialect alone has; Gemini's verbs follow a colon (its API reference, "Methods"). */
const PATHS: readonly (readonly [Dialect, RegExp])[] = [
  ["anthropic", /^\/v1\/messages(\/|$)/],
  ["openai", /^\/v1beta\/openai\//],
  ["gemini", /^\/v1(beta|alpha|beta1)\//],
  ["gemini", /\/models\/[^/]+:([a-zA-Z]+Contents?|countTokens)$/],
];

/** Headers that one dialect alone sends, for paths that several have, such as `/v1/models`. */
const HEADERS: readonly (readonly [Dialect, string])[] = [
  ["anthropic", "anthropic-version"],
  ["gemini", "x-goog-api-key"],
];

/**
 * Returns the dialect of a request; OpenAI's for a path that nobody claims.
 *
 * @param path with or without its query
 * @param header returns a request header by its lower-case name
 */
export function dialectOf(
  path: string,
  header: (name: string) => string | undefined = () => undefined,
): Dialect {
  const [bare = ""] = path.split("?", 1);
  const byPath = PATHS.find(([, pattern]) => pattern.test(bare));
  if (byPath) return byPath[0];
  return HEADERS.find(([, name]) => header(name) !== undefined)?.[0] ?? "openai";
}
