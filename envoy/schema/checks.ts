/** Checks that Envoy makes when it puts messages together, beside their types and limits; by message type. */
import { compilePattern } from "../../patterns/mod.ts";
import { isObject, type Json, type JsonObject, objectsAt, valueAt } from "../tree.ts";
import type { BrokenLimit } from "./problem.ts";
import { wrongFormats } from "./operators.ts";

/** Returns what Envoy would refuse of a message in canonical form. */
type Check = (value: JsonObject) => BrokenLimit[];

const ROUTING = "envoy.config.route.v3";

/** Each was measured with `envoy --mode validate`. */
export const CHECKS: Readonly<Record<string, Check>> = {
  "envoy.type.matcher.v3.RegexMatcher": ({ regex }) => {
    if (typeof regex !== "string") return [];
    try {
      compilePattern(regex);
      return [];
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      return [{ field: "regex", found: `"${regex}" is no expression of RE2: ${error.message}` }];
    }
  },
  [`${ROUTING}.RouteConfiguration`]: (value) => [
    ...sameDomains(value),
    ...fixedHeaders(value),
    ...emptySettings(value),
  ],
  [`${ROUTING}.VirtualHost`]: (value) => [...fixedHeaders(value), ...emptySettings(value)],
  [`${ROUTING}.Route`]: (value) => [...fixedHeaders(value), ...emptySettings(value)],
  [`${ROUTING}.WeightedCluster.ClusterWeight`]: (value) => [
    ...fixedHeaders(value),
    ...emptySettings(value),
  ],
  "envoy.config.bootstrap.v3.Bootstrap.StaticResources": ({ clusters }) =>
    twice(names(clusters)).map((name) => ({
      field: "clusters",
      found: `the cluster "${name}" stands in it twice`,
    })),
  "envoy.config.listener.v3.Listener": (value) => {
    if (value.filter_chain_matcher !== undefined) return [];
    const matches = objectsAt(value, "filter_chains/*")
      .map(({ filter_chain_match: match }) => JSON.stringify(match ?? {}));
    return twice(matches).map((match) => ({
      field: "filter_chains",
      found: `two filter chains match the same (${match})`,
    }));
  },
  "envoy.config.cluster.v3.Cluster": (value) => {
    const endpoints = objectsAt(value, "load_assignment/endpoints/*/lb_endpoints/*").length;
    if (value.type === "LOGICAL_DNS" && endpoints !== 1) {
      return [{
        field: "type",
        found: `LOGICAL_DNS wants one endpoint, and there are ${endpoints}`,
      }];
    }
    if (value.type === "EDS" && valueAt(value, "eds_cluster_config/eds_config") === undefined) {
      return [{ field: "type", found: `EDS wants an "eds_config" in "eds_cluster_config"` }];
    }
    return [];
  },
  "envoy.config.core.v3.SubstitutionFormatString": (value) =>
    Array.isArray(value.formatters) && value.formatters.length > 0 ? [] : wrongFormats({
      text_format: value.text_format ?? null,
      text_format_source: valueAt(value, "text_format_source/inline_string") ?? null,
      json_format: value.json_format ?? null,
    }),
  "envoy.extensions.access_loggers.file.v3.FileAccessLog": ({ format, json_format: json }) => [
    ...wrongFormats({ format: format ?? null }),
    ...wrongFormats({ json_format: json ?? null }),
  ],
};

/** Host names are compared without their case. */
function sameDomains({ virtual_hosts: hosts }: JsonObject): BrokenLimit[] {
  const domains = objectsAt(hosts ?? [], "*").flatMap(({ domains }) =>
    Array.isArray(domains) ? domains.map((domain) => String(domain).toLowerCase()) : []
  );
  return twice(domains).map((domain) => ({
    field: "virtual_hosts",
    found: `the domain "${domain}" stands in it twice`,
  }));
}

/** Headers that no route can set: a rewrite of the path or host has fields of its own. */
function fixedHeaders(value: JsonObject): BrokenLimit[] {
  return ["request_headers_to_add", "response_headers_to_add"].flatMap((field) => {
    const added = objectsAt(value[field] ?? [], "*/header");
    const formats = wrongFormats({ [field]: added.map(({ value }) => value ?? null) });
    const fixed = added.map(({ key }) => String(key).toLowerCase())
      .filter((key) => key.startsWith(":") || key === "host");
    return [...formats, ...fixed.map((key) => ({ field, found: `"${key}" cannot be set so` }))];
  });
}

/** Settings per route that say nothing. */
function emptySettings({ typed_per_filter_config: settings }: JsonObject): BrokenLimit[] {
  return Object.entries(isObject(settings) ? settings : {}).flatMap(([name, setting]) => {
    if (!isObject(setting) || setting["@type"] !== `type.googleapis.com/${ROUTING}.FilterConfig`) {
      return [];
    }
    if (setting.config !== undefined || setting.disabled === true) return [];
    return [{
      field: "typed_per_filter_config",
      found: `the FilterConfig of "${name}" has neither a "config" nor "disabled"`,
    }];
  });
}

function names(list: Json | undefined): string[] {
  return objectsAt(list ?? [], "*").flatMap(({ name }) => typeof name === "string" ? [name] : []);
}

function twice(texts: readonly string[]): string[] {
  const seen = new Set<string>();
  return [...new Set(texts.filter((text) => seen.size === seen.add(text).size))];
}
