/** Limits that a service outside of Envoy counts: what passes unasked, and what is free. */
import { isObject, type Json, type JsonObject, objectsAt, seconds, valueAt } from "../envoy/mod.ts";
import { filters, type Hit, type LintRule } from "./rule.ts";

/** The runtime flag without which Envoy sends formatters as they are written. */
const FORMATS = "envoy.reloadable_features.enable_formatter_for_ratelimit_action_descriptor_value";

/** Shorter than this, a burst refuses requests; seconds. Envoy's default is 0.02. */
const PATIENCE_S = 0.1;

interface Descriptor {
  readonly path: string;
  readonly value: JsonObject;
}

/** The descriptors of every ratelimit filter, with their places. */
function descriptors(model: Parameters<LintRule["check"]>[0]): Descriptor[] {
  return filters(model, "RateLimit").flatMap(({ config, pathOf }) => {
    const list = config.rate_limits;
    if (!Array.isArray(list)) return [];
    return list.flatMap((value, index): Descriptor[] =>
      isObject(value) ? [{ path: pathOf(`rate_limits/${index}`), value }] : []
    );
  });
}

/** The values of a descriptor that Envoy fills in, with their places. */
function formatted({ path, value }: Descriptor): { path: string; key: JsonObject }[] {
  return objectsAt(value, "actions/*/generic_key").flatMap((key, index) =>
    String(key.descriptor_value ?? "").includes("%")
      ? [{ path: `${path}/actions/${index}/generic_key`, key }]
      : []
  );
}

/** Rules about the global limits of requests, tokens and cost. */
export const LIMITS_RULES: readonly LintRule[] = [
  {
    id: "limits.fail-open",
    severity: "error",
    why: "while the service is down or slow, everybody has no limit at all",
    fix: "set `failure_mode_deny: true` and `status_on_error: { code: ServiceUnavailable }`",
    case: "limit.service-down-503",
    also: ["limit.service-slow-503"],
    source: "RateLimit.failure_mode_deny",
    check: (model) =>
      filters(model, "RateLimit").filter(({ config }) => config.failure_mode_deny !== true)
        .map(({ pathOf }): Hit => ({
          path: pathOf("failure_mode_deny"),
          found: "requests pass when the limits cannot be asked",
        })),
  },
  {
    id: "limits.timeout",
    severity: "warning",
    why: "Envoy's default of 20 ms refuses requests in a burst, or lets them pass unasked",
    fix: "set `timeout: 1s`",
    source: "RateLimit.timeout",
    check: (model) =>
      filters(model, "RateLimit").flatMap(({ config, pathOf }): Hit[] => {
        const wait = seconds(config.timeout);
        if (wait !== undefined && wait >= PATIENCE_S) return [];
        return [{
          path: pathOf("timeout"),
          found: `the service has ${wait === undefined ? "20 ms" : `${wait * 1000} ms`} to answer`,
        }];
      }),
  },
  {
    id: "limits.free-without-usage",
    severity: "error",
    why:
      "an answer that does not say its usage (no `include_usage`, a client that leaves, a model of another kind) costs nothing",
    fix: "let the expression fall back to sizes: `… ? int(…) : (request.size + response.size) / 4`",
    case: "limit.no-usage-charged",
    also: ["limit.abort-charged"],
    source: "RateLimit.HitsAddend.format",
    check: (model) =>
      descriptors(model).flatMap(({ path, value }): Hit[] => {
        const format = valueAt(value, "hits_addend/format");
        if (value.apply_on_stream_done !== true || typeof format !== "string") return [];
        if (/response\.size|BYTES_SENT/.test(format)) return [];
        return [{
          path: `${path}/hits_addend/format`,
          found: "usage that is missing counts as none",
        }];
      }),
  },
  {
    id: "limits.dropped-descriptor",
    severity: "warning",
    why: "Envoy drops a descriptor of which one value is empty: nothing is asked, nothing charged",
    fix: 'give each formatted value a `default_value: "-"`',
    source: "RateLimit.Action.GenericKey.default_value",
    check: (model) =>
      descriptors(model).flatMap(formatted).filter(({ key }) => key.default_value === undefined)
        .map(({ path, key }): Hit => ({
          path,
          found: `the descriptor goes unsent where "${
            key.descriptor_key ?? "generic_key"
          }" is empty`,
        })),
  },
  {
    id: "limits.unformatted",
    severity: "error",
    why: "all clients share one bucket, named by the formatter's own text",
    fix: `set \`${FORMATS}: true\` in a static layer of \`layered_runtime\``,
    case: "limit.tenant-apart",
    source: "RateLimit.Action.GenericKey.descriptor_value",
    check: (model) =>
      formats(model.root) ? [] : descriptors(model).flatMap(formatted)
        .map(({ path, key }): Hit => ({
          path: `${path}/descriptor_value`,
          found: `"${key.descriptor_value}" is sent as it stands`,
        })),
  },
  {
    id: "limits.answers-held",
    severity: "error",
    why: "JSON answers are held until they are read whole; one beyond the buffer becomes a 500",
    fix: "read the usage by `ai_protocol_manager` (`response_handling`), which holds nothing back",
    case: "limit.large-json-whole",
    source: "JsonToMetadata.response_rules",
    check: (model) =>
      filters(model, "JsonToMetadata").filter(({ config }) => isObject(config.response_rules))
        .map(({ pathOf }): Hit => ({
          path: pathOf("response_rules"),
          found: "answers are read as JSON, and held for it",
        })),
  },
];

/** Whether the flag is on, or a layer that is not in the file may say so. */
function formats(root: Json): boolean {
  return objectsAt(root, "layered_runtime/layers/*").some((layer) =>
    isObject(layer.static_layer)
      ? layer.static_layer[FORMATS] === true
      : layer.rtds_layer !== undefined || layer.disk_layer !== undefined
  );
}
