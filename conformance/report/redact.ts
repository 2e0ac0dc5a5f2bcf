/** Keeps the credentials of a target out of its report. */
import type { Target } from "../target.ts";

/** Returns the credential texts that no report may hold: header values and their bare tokens. */
export function secretsOf(target: Target): string[] {
  const headers = [...target.credentials.allow, ...(target.credentials.deny ?? [])];
  return headers.flatMap(([, value]) => {
    const token = value.replace(/^(Bearer|Basic) +/i, "");
    return token === value ? [value] : [value, token];
  });
}

/** Replaces every secret in every string of a value: credentials never reach a report. */
export function redact<T>(value: T, secrets: readonly string[]): T {
  const words = secrets.filter((secret) => secret.length >= 4).toSorted((a, b) =>
    b.length - a.length
  );
  const walk = (part: unknown): unknown => {
    if (typeof part === "string") {
      return words.reduce((text, word) => text.replaceAll(word, "[redacted]"), part);
    }
    if (Array.isArray(part)) return part.map(walk);
    if (part !== null && typeof part === "object") {
      return Object.fromEntries(
        Object.entries(part).map(([key, inner]) => [walk(key), walk(inner)]),
      );
    }
    return part;
  };
  return walk(value) as T;
}
