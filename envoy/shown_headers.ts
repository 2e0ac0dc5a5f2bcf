/** Headers of a request that an ext_authz filter shows to its engine. */
import { matchesText } from "./string_matcher.ts";
import { isObject, type JsonObject, objectsAt, valueAt } from "./tree.ts";

/** Headers that an engine over HTTP gets always (AuthorizationRequest.allowed_headers). */
const ALWAYS_OVER_HTTP = new Set(["authorization", "host", ":method", ":path", "content-length"]);

/**
 * Tells whether an ext_authz filter, by its configuration in canonical form, shows a header to its engine: over gRPC
 * all of them unless it lists some, over HTTP those that it lists and a few.
 */
export function showsHeader(config: JsonObject, name: string): boolean {
  const lists = (field: string) => objectsAt(valueAt(config, field) ?? null, "patterns/*");
  if (lists("disallowed_headers").some((matcher) => matchesText(matcher, name))) return false;
  const overHttp = isObject(config.http_service);
  const old = "http_service/authorization_request/allowed_headers";
  const allowed = [...lists("allowed_headers"), ...overHttp ? lists(old) : []];
  if (overHttp && ALWAYS_OVER_HTTP.has(name)) return true;
  if (allowed.length === 0) return !overHttp;
  return allowed.some((matcher) => matchesText(matcher, name));
}
