/** Differences between two configurations in words: by names and not by numbers, and once where listeners share them. */
import { isCredentialHeader, REDACTED } from "../../service/mod.ts";
import { show } from "../overlay.ts";
import { type Difference, type Json, type JsonObject, valueAt } from "../tree.ts";

/** The beginning of every path in a listener's connection manager. */
const MANAGER = /^listeners\/[^/]+\/filter_chains\/[^/]+\/filters\/[^/]+\/typed_config\//;

/** Fields of Envoy's messages whose content nobody may read in a log. */
const SECRET =
  /(^|_)(private_key|password|passphrase|secret|token|credential|hmac_key|ticket_keys|jwks|pkcs12)(\/|$)/;
/** Ends of such a place that are no secret. */
const NAME_OF_SECRET = /\/(filename|name|path|environment_variable)$/;

/**
 * Prints differences, one line each: `clusters/upstream/connect_timeout: "1s" -> "2s"`.
 *
 * @param root one of the two configurations; names are read from it
 */
export function describeDifferences(all: readonly Difference[], root: JsonObject): string[] {
  const lines = new Map<string, number>();
  for (const { path, from, to } of all) {
    const place = namedPath(path, root).replace(/^static_resources\//, "").replace(MANAGER, "");
    const isSecret = holdsSecret(path, root);
    const line = isSecret
      ? `${place}: ${REDACTED}, changed`
      : `${place}: ${show(from)} -> ${show(to)}`;
    lines.set(line, (lines.get(line) ?? 0) + 1);
  }
  return [...lines].map(([line, count]) => count === 1 ? line : `${line} (${count} listeners)`);
}

/** Whether a key, a password or a credential's header stands at a path. */
function holdsSecret(path: string, root: JsonObject): boolean {
  if (NAME_OF_SECRET.test(path)) return false;
  if (path.split("/").some((step) => SECRET.test(step))) return true;
  const key = path.endsWith("/value") ? valueAt(root, path.replace(/value$/, "key")) : undefined;
  return typeof key === "string" && isCredentialHeader(key);
}

/** A path in which members of lists stand by their names, where they have one. */
function namedPath(path: string, root: JsonObject): string {
  let at: Json | undefined = root;
  return path.split("/").map((step) => {
    const list: Json | undefined = at;
    at = typeof list === "object" && list !== null ? (list as JsonObject)[step] : undefined;
    const name = Array.isArray(list) && typeof at === "object"
      ? (at as JsonObject)?.name
      : undefined;
    return typeof name === "string" ? name : step;
  }).join("/");
}
