/** Removes credentials from what is shown, logged or kept; by their names, wherever they travel. */
import { isCredentialHeader, isCredentialParameter } from "./credential_names.ts";

/** Placeholder of a credential. */
export const REDACTED = "[redacted]";

/**
 * Values that are a credential under any name: an authorization's scheme, keys as providers make them (`sk-…`), and JSON
 * Web Tokens (RFC 7515, section 7.1).
 */
const SCHEME = /^(?:Bearer|Basic|Digest|Negotiate|DPoP) /i;
const KEY =
  /(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{20,}|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+)/g;

/** Names of which it was found out before; requests repeat theirs. */
const known = new Map<string, boolean>();
const MAX_KNOWN = 1_000;

/**
 * A header's value as it may be shown: of a credential, by its name or by its value, only its scheme
 * (`Bearer [redacted]`), and of a URL (`referer`, `x-original-url`) what {@linkcode redactedTarget} leaves.
 */
export function redactedHeader(name: string, value: string): string {
  const scheme = SCHEME.exec(value);
  if (!isSecret(name) && scheme === null) return redactedTarget(value);
  return `${scheme === null ? "" : scheme[0]}${REDACTED}`;
}

/**
 * A request's target, or a URL, as it may be shown: without keys that anybody knows by their looks, and without the
 * values of query parameters that hold a credential.
 */
export function redactedTarget(given: string): string {
  const target = given.includes("sk-") || given.includes("eyJ")
    ? given.replace(KEY, REDACTED)
    : given;
  const start = target.indexOf("?");
  if (start < 0 || !target.includes("=", start)) return target;
  const query = target.slice(start + 1).split(/([&;#])/).map(redactedPair).join("");
  return `${target.slice(0, start + 1)}${query}`;
}

function redactedPair(pair: string): string {
  const equals = pair.indexOf("=");
  const from = pair.lastIndexOf("?", equals) + 1;
  if (equals <= from) return pair;
  const name = pair.slice(from, equals);
  return isCredentialParameter(decoded(name)) ? `${pair.slice(0, equals + 1)}${REDACTED}` : pair;
}

/** A raw request head as it may be shown; each line keeps its spelling. */
export function redactedHead(head: string): string {
  const end = head.indexOf("\n");
  const line = head.slice(0, end + 1).replace(
    / (\S+) /,
    (_, target: string) => ` ${redactedTarget(target)} `,
  );
  const fields = head.slice(end + 1).replace(
    /^([^:\r\n]+)(:[ \t]*)([^\r\n]*)/gm,
    (_, name: string, colon: string, value: string) =>
      `${name}${colon}${redactedHeader(name, value)}`,
  );
  return `${line}${fields}`;
}

function isSecret(name: string): boolean {
  const before = known.get(name);
  if (before !== undefined) return before;
  const secret = isCredentialHeader(name);
  if (known.size < MAX_KNOWN && name.length < 100) known.set(name, secret);
  return secret;
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll("+", " "));
  } catch {
    return name;
  }
}
