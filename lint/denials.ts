/** Denials of policy that something on the way back replaces: mappers of local replies, custom responses, scripts. */
import {
  type FilterOnRoute,
  filtersInForce,
  type Ingress,
  isObject,
  type Json,
  type JsonObject,
  placedAt,
  valueAt,
} from "../envoy/mod.ts";
import { rewritesStatus } from "./lua.ts";
import type { Hit } from "./rule.ts";

/** Returns the places at which denials are replaced: mappers of local replies, and filters that answer anew. */
export function rewritesDenials(ingress: Ingress): Hit[] {
  const hits: Hit[] = filtersInForce(ingress).flatMap(replacedBy);
  const path = `${ingress.path}/local_reply_config`;
  if (valueAt(ingress.value, "local_reply_config/body_format") !== undefined) {
    hits.push({ path: `${path}/body_format`, found: "every local reply gets a new body" });
  }
  for (const mapper of placedAt(ingress, "local_reply_config/mappers/*")) {
    if (mapper.value.body_format_override === undefined && mapper.value.body === undefined) {
      continue;
    }
    if (isObject(mapper.value.filter) && takesDenials(mapper.value.filter)) {
      hits.push({
        path: `${mapper.path}/filter`,
        found: "the mapper takes policy's denials as well",
      });
    }
  }
  return hits;
}

function takesDenials(filter: JsonObject): boolean {
  if (filter.status_code_filter !== undefined) return true;
  // A denial has the flag, too; and a filter without flags takes any.
  const flags = filter.response_flag_filter;
  if (isObject(flags)) {
    return !Array.isArray(flags.flags) || flags.flags.length === 0 || flags.flags.includes("UAEX");
  }
  const all = valueAt(filter, "and_filter/filters");
  if (Array.isArray(all)) return all.every((part) => isObject(part) && takesDenials(part));
  const any = valueAt(filter, "or_filter/filters");
  return Array.isArray(any) && any.some((part) => isObject(part) && takesDenials(part));
}

/** Filters that answer in place of a denial: Envoy passes its own replies through the whole chain. */
function replacedBy({ filter, config, by }: FilterOnRoute): Hit[] {
  const path = by?.path ?? filter.path;
  if (filter.type === "CustomResponse" && isAboutDenials(config.custom_response_matcher)) {
    return [{ path, found: `the filter "${filter.name}" answers in place of policy's denials` }];
  }
  if (filter.type === "Lua" && rewritesStatus(config)) {
    return [{ path, found: `the script of "${filter.name}" gives every answer another status` }];
  }
  return [];
}

/** Statuses and classes of a denial, and what local replies are called, as custom responses match on them. */
const OF_DENIALS = new Set(["401", "403", "429", "4xx", "true"]);

function isAboutDenials(matcher: Json | undefined): boolean {
  if (!isObject(matcher)) return false;
  if (matcher.on_no_match !== undefined) return true;
  return texts(matcher).some((text) => OF_DENIALS.has(text));
}

/** Every key and text of a value. */
function texts(value: Json): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [key, ...texts(inner)]);
}
