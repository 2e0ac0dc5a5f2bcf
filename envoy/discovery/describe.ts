/** Differences between two configurations in words: by names and not by numbers, and once where listeners share them. */
import { isCredentialHeader, REDACTED } from "../../service/mod.ts";
import { show } from "../overlay.ts";
import { canonicalJson, differences, isObject, type Json, type JsonObject } from "../tree.ts";

/** The beginning of every path in a listener's connection manager. */
const MANAGER = /^listeners\/[^/]+\/filter_chains\/[^/]+\/filters\/[^/]+\/typed_config\//;

/** Fields of Envoy's messages whose content nobody may read in a log. */
const SECRET =
  /^(.*_)?(private_key|password|passphrase|secret|token|credential|hmac_key|ticket_keys|jwks|pkcs12)$/;
/** Ends of such a place that are no secret. */
const NAME_OF_SECRET = /^(filename|name|path|environment_variable)$/;

/**
 * Prints what differs between two configurations, one line each: `clusters/upstream/connect_timeout: "1s" -> "2s"`.
 * Keys, passwords and values of credentials' headers are left out.
 */
export function describeDifferences(from: JsonObject, to: JsonObject): string[] {
  const lines = new Map<string, number>();
  for (const { path, what } of changesOf(from, to)) {
    const place = path.join("/").replace(/^static_resources\//, "").replace(MANAGER, "");
    const line = `${place}: ${what}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [...lines].map(([line, count]) => count === 1 ? line : `${line} (${count} listeners)`);
}

interface Change {
  readonly path: readonly string[];
  readonly what: string;
}

/** Walks both at once; members of lists that have names are found by these, wherever they stand. */
function* changesOf(
  old: Json | undefined,
  next: Json | undefined,
  path: readonly string[] = [],
): Generator<Change> {
  const [from, to] = [old ?? emptyLike(next), next ?? emptyLike(old)];
  if (from !== undefined && to !== undefined && canonicalJson(from) === canonicalJson(to)) return;
  const [before, after] = [named(from), named(to)];
  if (before !== undefined && after !== undefined && before.size + after.size > 0) {
    for (const [name, value] of before) {
      if (!after.has(name)) yield { path: [...path, name], what: "removed" };
      else yield* changesOf(value, after.get(name), [...path, name]);
    }
    for (const name of after.keys()) {
      if (!before.has(name)) yield { path: [...path, name], what: "added" };
    }
    const kept = (one: typeof before, other: typeof before) =>
      [...one.keys()].filter((name) => other.has(name)).join("\n");
    if (kept(before, after) !== kept(after, before)) yield { path, what: "in another order" };
    return;
  }
  if (isObject(from) && isObject(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const isValue = key === "value" &&
        [from, to].some((one) => typeof one.key === "string" && isCredentialHeader(one.key));
      if (isValue && from.value !== to.value) yield redacted([...path, key]);
      else yield* changesOf(from[key], to[key], [...path, key]);
    }
    return;
  }
  if (Array.isArray(from) && Array.isArray(to)) {
    for (let index = 0; index < Math.max(from.length, to.length); index++) {
      yield* changesOf(from[index], to[index], [...path, String(index)]);
    }
    return;
  }
  for (const leaf of differences(from, to)) {
    const whole = leaf.path === "" ? path : [...path, ...leaf.path.split("/")];
    yield isSecret(whole)
      ? redacted(whole)
      : { path: whole, what: `${show(leaf.from)} -> ${show(leaf.to)}` };
  }
}

/** Nothing of the same kind, so that what is in the other is gone through. */
function emptyLike(other: Json | undefined): Json | undefined {
  if (Array.isArray(other)) return other.length > 0 ? [] : undefined;
  return isObject(other) && Object.keys(other).length > 0 ? {} : undefined;
}

function redacted(path: readonly string[]): Change {
  return { path, what: `${REDACTED}, changed` };
}

/** Whether a key or a password stands at a path. */
function isSecret(path: readonly string[]): boolean {
  return !NAME_OF_SECRET.test(path.at(-1) ?? "") && path.some((step) => SECRET.test(step));
}

/** Members of a list by their names; undefined when some have none, or the same. */
function named(list: Json | undefined): Map<string, Json> | undefined {
  if (!Array.isArray(list)) return undefined;
  const members = new Map<string, Json>();
  for (const one of list) {
    if (!isObject(one) || typeof one.name !== "string" || members.has(one.name)) return undefined;
    members.set(one.name, one);
  }
  return members;
}
