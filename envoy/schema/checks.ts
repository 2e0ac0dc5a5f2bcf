/** Checks that Envoy makes when it puts messages together, beside their types and limits; by message type. */
import { isIP } from "node:net";
import { compilePattern } from "../../patterns/mod.ts";
import { isObject, type Json, type JsonObject, objectsAt, valueAt } from "../tree.ts";
import { type Check, HTTP_CHECKS } from "./http_checks.ts";
import type { BrokenLimit } from "./problem.ts";
import { wrongFormats } from "./operators.ts";

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
  "envoy.config.bootstrap.v3.Bootstrap.StaticResources": ({ clusters, listeners }) => [
    ...twice(names(clusters)).map((name) => ({
      field: "clusters",
      found: `the cluster "${name}" stands in it twice`,
    })),
    ...twice(boundAddresses(listeners)).map((address) => ({
      field: "listeners",
      found: `two listeners have the address ${address}`,
    })),
  ],
  [`${ROUTING}.RouteAction`]: (value) => {
    const given = REWRITES.filter((field) => value[field] !== undefined && value[field] !== "");
    return given.length < 2
      ? []
      : [{ field: given[1], found: `only one of ${given.join(" and ")} can be set` }];
  },
  [`${ROUTING}.RetryPolicy.RetryBackOff`]: ({ base_interval: base, max_interval: most }) => {
    const [from, to] = [base, most].map((span) => Number.parseFloat(String(span)));
    if (from === undefined || to === undefined || !(to < from)) return [];
    return [{
      field: "max_interval",
      found: `"max_interval" is below the base_interval of ${base}`,
    }];
  },
  [`${ROUTING}.WeightedCluster`]: ({ clusters }) => {
    const weights = objectsAt(clusters ?? [], "*").map(({ weight }) => Number(weight ?? 0));
    if (weights.length === 0 || weights.some((weight) => weight > 0)) return [];
    return [{ field: "clusters", found: "the sum of the weights is 0" }];
  },
  "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext": ({ common_tls_context }) => {
    const given = isObject(common_tls_context) ? common_tls_context : {};
    if (CERTIFICATES.some((field) => !isEmpty(given[field]))) return [];
    return [{ field: "common_tls_context", found: "a server needs a certificate" }];
  },
  "envoy.config.bootstrap.v3.LayeredRuntime": ({ layers }) => {
    const all = objectsAt(layers ?? [], "*");
    const admins = all.filter(({ admin_layer }) => admin_layer !== undefined);
    return [
      ...twice(names(layers)).map((name) => `the layer "${name}" stands in it twice`),
      ...(admins.length > 1 ? ["there are two admin layers"] : []),
    ].map((found) => ({ field: "layers", found }));
  },
  "envoy.config.core.v3.CidrRange": ({ address_prefix: address }) =>
    typeof address !== "string" || isIP(address) !== 0
      ? []
      : [{ field: "address_prefix", found: `"${address}" is no IP address` }],
  ...HTTP_CHECKS,
  "envoy.config.listener.v3.Listener": (value) => {
    const listens = value.address !== undefined;
    if (
      listens && isEmpty(value.filter_chains) &&
      !OTHER_CHAINS.some((key) => value[key] !== undefined)
    ) {
      const udp = valueAt(value, "address/socket_address/protocol") === "UDP";
      return udp ? [] : [{ field: undefined, found: "it has no filter chains" }];
    }
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
    const provided = value.lb_policy === "CLUSTER_PROVIDED";
    if (value.type === "ORIGINAL_DST" && !provided) {
      return [{ field: "type", found: "ORIGINAL_DST wants `lb_policy: CLUSTER_PROVIDED`" }];
    }
    if (provided && value.type !== "ORIGINAL_DST" && value.cluster_type === undefined) {
      return [{ field: "lb_policy", found: "such a cluster provides no load balancer" }];
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

/** Fields that a listener can have in place of filter chains. */
const OTHER_CHAINS = ["default_filter_chain", "api_listener", "udp_listener_config"];

function isEmpty(value: Json | undefined): boolean {
  return value === undefined || Array.isArray(value) && value.length === 0;
}

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

/** Ways to rewrite a path; a route takes one of them. */
const REWRITES = ["prefix_rewrite", "regex_rewrite", "path_rewrite_policy"];

/** Where a server's TLS context can have its certificates from. */
const CERTIFICATES = [
  ...["tls_certificates", "tls_certificate_sds_secret_configs"],
  ...["tls_certificate_provider_instance", "tls_certificate_certificate_provider_instance"],
  ...["tls_certificate_certificate_provider", "custom_tls_certificate_selector"],
];

/** Addresses that listeners bind; port 0 is another one each time. */
function boundAddresses(listeners: Json | undefined): string[] {
  return objectsAt(listeners ?? [], "*").flatMap((listener) => {
    const socket = valueAt(listener, "address/socket_address");
    if (!isObject(socket) || (socket.port_value ?? 0) === 0) return [];
    const udp = socket.protocol === "UDP" ? "UDP " : "";
    return [`${udp}${socket.address}:${socket.port_value}`];
  });
}

/** Headers that no route can set or remove: a rewrite of the path or host has fields of its own. */
function fixedHeaders(value: JsonObject): BrokenLimit[] {
  const removed = ["request_headers_to_remove", "response_headers_to_remove"].flatMap((field) => {
    const names = value[field];
    return Array.isArray(names)
      ? names.filter((name) => /^(:|host$)/i.test(String(name)))
        .map((name) => ({ field, found: `"${name}" cannot be removed` }))
      : [];
  });
  const added = ["request_headers_to_add", "response_headers_to_add"].flatMap((field) => {
    const added = objectsAt(value[field] ?? [], "*/header");
    const formats = wrongFormats({ [field]: added.map(({ value }) => value ?? null) });
    const fixed = added.map(({ key }) => String(key).toLowerCase())
      .filter((key) => key.startsWith(":") || key === "host");
    return [...formats, ...fixed.map((key) => ({ field, found: `"${key}" cannot be set so` }))];
  });
  return [...added, ...removed];
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
