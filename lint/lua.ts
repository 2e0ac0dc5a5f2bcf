/** Effects of a Lua filter's script on bodies and routes, as far as its text tells. */
import { isObject, type Json, type JsonObject, valueAt } from "../envoy/mod.ts";

/** The script of a filter, without its comments; `undefined` when it stands in a file or nowhere. */
export function scriptOf(config: JsonObject): string | undefined {
  const inline = config.inline_code ?? valueAt(config, "default_source_code/inline_string");
  if (typeof inline !== "string") return undefined;
  return inline.replaceAll(/--\[\[[\s\S]*?\]\]/g, "").replaceAll(/--[^\n]*/g, "");
}

/** Does the script stand in a file that is not looked at? */
export function isElsewhere(config: JsonObject): boolean {
  const source: Json | undefined = config.default_source_code;
  return isObject(source) &&
    (source.filename !== undefined || source.environment_variable !== undefined);
}

/** Which body a script collects: `handle:body()` waits for the whole, `bodyChunks()` does not. */
export function buffersBodies(config: JsonObject): "request" | "response" | undefined {
  const script = scriptOf(config);
  if (script === undefined) return undefined;
  const { request, response } = handlers(script);
  const collects = (text: string) => /[:.]\s*body\s*\(/.test(text);
  return collects(response) ? "response" : collects(request) ? "request" : undefined;
}

/** Does a request's script let Envoy choose the route again? Changed headers do, unless the filter says otherwise. */
export function clearsRouteCache(config: JsonObject): boolean {
  const script = scriptOf(config);
  if (script === undefined) return isElsewhere(config) && config.clear_route_cache !== false;
  const { request } = handlers(script);
  return /clearRouteCache\s*\(/.test(request) ||
    config.clear_route_cache !== false && /[:.]\s*(add|replace|remove)\s*\(/.test(request);
}

/** Clusters that a script calls by itself: `handle:httpCall("model", …)`. */
export function calledClusters(config: JsonObject): string[] {
  const calls = scriptOf(config)?.matchAll(/[:.]\s*httpCall\s*\(\s*["']([^"']+)["']/g) ?? [];
  return [...calls].flatMap(([, cluster]) => cluster ?? []);
}

/** Names of the headers that a script removes from each request: not within a condition that one could see. */
export function removedHeaders(config: JsonObject): string[] {
  const { request } = handlers(scriptOf(config) ?? "");
  if (/\b(if|for|while)\b/.test(request)) return [];
  return [...request.matchAll(/[:.]\s*remove\s*\(\s*["']([^"']+)["']/g)]
    .flatMap(([, name]) => name?.toLowerCase() ?? []);
}

/** A script's words to Envoy's log, or to its output. */
const LOGS =
  /(?:[:.]\s*log(?:Trace|Debug|Info|Warn|Err|Critical)|\bprint|\bio\s*\.\s*write)\s*\(([^\n]*)/g;
/** A header that is read: `headers:get("authorization")`. */
const READS = /[:.]\s*get\s*\(\s*["']([^"']+)["']/g;
/** A variable that gets a header: `local key = handle:headers():get("authorization")`. */
const KEEPS = /\b([A-Za-z_]\w*)\s*=\s*[^\n=;]*?[:.]\s*get\s*\(\s*["']([^"']+)["']/g;
/** A loop over every header, and the variable that has the value. */
const LOOPS = /\bfor\s+\w+\s*,\s*(\w+)\s+in\s+pairs\s*\([^)\n]*\bheaders\s*\(/g;

/** Every header, of which one is a credential. */
export const EVERY_HEADER = "*";

/**
 * Names of the headers that a script writes to Envoy's log, as they are read there or by way of a variable; and
 * {@linkcode EVERY_HEADER} where it writes whatever comes.
 */
export function loggedHeaders(config: JsonObject): string[] {
  const script = scriptOf(config) ?? "";
  const kept = [
    ...[...script.matchAll(KEEPS)].map(([, variable = "", name = ""]) => ({ variable, name })),
    ...[...script.matchAll(LOOPS)].map(([, variable = ""]) => ({ variable, name: EVERY_HEADER })),
  ];
  return [...script.matchAll(LOGS)].flatMap(([, given = ""]) => {
    const words = new Set(given.replaceAll(/"[^"]*"|'[^']*'/g, "").match(/[A-Za-z_]\w*/g));
    return [
      ...[...given.matchAll(READS)].flatMap(([, name]) => name ?? []),
      ...kept.filter(({ variable }) => words.has(variable)).map(({ name }) => name),
    ];
  });
}

/** Does a script give answers another status, without a look at the one that they have? */
export function rewritesStatus(config: JsonObject): boolean {
  const script = scriptOf(config);
  if (script === undefined) return false;
  const { response } = handlers(script);
  return /[:.]\s*(replace|add)\s*\(\s*["']:status["']/.test(response) &&
    !/[:.]\s*get\s*\(\s*["']:status["']/.test(response);
}

/** The text from each handler's name on; what stands before both belongs to both. */
function handlers(script: string): { request: string; response: string } {
  const request = script.search(/envoy_on_request\b/);
  const response = script.search(/envoy_on_response\b/);
  if (request === -1 || response === -1) {
    return { request: request === -1 ? "" : script, response: response === -1 ? "" : script };
  }
  const common = script.slice(0, Math.min(request, response));
  return request < response
    ? {
      request: common + script.slice(request, response),
      response: common + script.slice(response),
    }
    : {
      response: common + script.slice(response, request),
      request: common + script.slice(request),
    };
}
