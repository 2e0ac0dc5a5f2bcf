/** Traces and logs for a collector in the profile's configuration: what each span says, and what it must not. */
import { createHash } from "node:crypto";
import type { EnvoyConfigFile } from "../../../../envoy/mod.ts";
import { CLIENT_PATH } from "../upstreams/identity.ts";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

/** Cluster of the collector. */
export const COLLECTOR_CLUSTER = "collector";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";
/** Prefix of Envoy's own counters of tokens: `envoy_llmgate_tokens` on its Prometheus page. */
const STATS_PREFIX = "llmgate";
/** Name of the gateway in traces. */
const SERVICE = "llmgate-edge";
/** Milliseconds until spans and log records leave; Envoy's default of 5 s makes live traces late. */
const FLUSH_MS = 200;

const usage = (field: string) =>
  `%CEL(metadata.typed_filter_metadata['envoy.ai.token_usage'].${field})%`;

/** The operation by its path, in the words of OpenTelemetry's GenAI conventions. */
const OPERATION_OF =
  "(request.url_path.endsWith('/embeddings') ? 'embeddings' : request.url_path.endsWith('/completions') && !request.url_path.endsWith('/chat/completions') ? 'text_completion' : 'chat')";
const OPERATION = `%CEL(${OPERATION_OF})%`;
/** Name of a span by the same conventions: the operation and, where it is known, the model. */
const NAME =
  `%CEL(${OPERATION_OF} + ('envoy.ai.token_usage' in metadata.typed_filter_metadata ? ' ' + metadata.typed_filter_metadata['envoy.ai.token_usage'].model : ''))%`;

/**
 * Attributes of both spans of a request. `http.url` is Envoy's own with the query taken off, in which clients put keys;
 * no body is anywhere.
 */
const TAGS: readonly (readonly [tag: string, value: string])[] = [
  ["http.url", `%REQ(:SCHEME)%://%REQ(:AUTHORITY)%${CLIENT_PATH}`],
  ["gen_ai.operation.name", OPERATION],
  ["gen_ai.response.model", usage("model")],
  ["gen_ai.usage.input_tokens", usage("input_tokens")],
  ["gen_ai.usage.output_tokens", usage("output_tokens")],
  ["llmgate.request_id", "%REQ(X-REQUEST-ID)%"],
  ["llmgate.tenant", "%REQ(X-TENANT)%"],
  ["llmgate.attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"],
];

/** Attributes of a log record. */
const FIELDS: readonly (readonly [key: string, value: string])[] = [
  ["http.request.method", "%REQ(:METHOD)%"],
  ["http.response.status_code", "%RESPONSE_CODE%"],
  ["url.path", CLIENT_PATH],
  ["llmgate.request_id", "%REQ(X-REQUEST-ID)%"],
  ["llmgate.tenant", "%REQ(X-TENANT)%"],
  ["llmgate.attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"],
  ["envoy.code_details", "%RESPONSE_CODE_DETAILS%"],
  ["gen_ai.response.model", usage("model")],
  ["gen_ai.usage.input_tokens", usage("input_tokens")],
  ["gen_ai.usage.output_tokens", usage("output_tokens")],
];

/** Returns the configuration with traces and log records for a collector, whose place is set at launch. */
export function withCollector(file: EnvoyConfigFile): EnvoyConfigFile {
  const bootstrap: Config = structuredClone(file.bootstrap);
  const { listeners, clusters } = bootstrap.static_resources;
  const limits = clusters.find(({ name }: Config) => name === "limits");
  const cluster = structuredClone(limits);
  cluster.name = cluster.load_assignment.cluster_name = COLLECTOR_CLUSTER;
  clusters.push(cluster);
  for (const { filter_chains: [{ filters: [{ typed_config: manager }] }] } of listeners) {
    manager.tracing = tracing();
    for (const { typed_config } of manager.access_log) {
      const fields = typed_config.log_format?.json_format;
      if (fields !== undefined) fields.trace_id = "%TRACE_ID%";
    }
    manager.access_log.push(otlpLog(), tokenStats());
  }
  const [layer] = bootstrap.layered_runtime.layers;
  layer.static_layer["tracing.opentelemetry.flush_interval_ms"] = FLUSH_MS;
  layer.static_layer["tracing.opentelemetry.min_flush_spans"] = 1;
  const text = `${JSON.stringify(bootstrap, null, 2)}\n`;
  return {
    name: file.name.includes(" with ") ? `${file.name}, traces` : `${file.name} with traces`,
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
    bootstrap,
  };
}

function tracing(): Config {
  return {
    // Whether a request is traced is its client's to say (W3C trace context); without a word it is.
    random_sampling: { value: 100 },
    spawn_upstream_span: true,
    operation: NAME,
    custom_tags: TAGS.map(([tag, value]) => ({ tag, value })),
    provider: {
      name: "envoy.tracers.opentelemetry",
      typed_config: {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        service_name: SERVICE,
        grpc_service: { envoy_grpc: { cluster_name: COLLECTOR_CLUSTER }, timeout: "1s" },
      },
    },
  };
}

/** Counters and a histogram of Envoy's own, from the same facts as the log. Models are those that answers name. */
function tokenStats(): Config {
  const tenant = { name: "tenant", value_format: "%REQ(X-TENANT)%" };
  const model = { name: "model", value_format: usage("model") };
  const tokens = (kind: "input" | "output") => ({
    stat: { name: "tokens", tags: [tenant, model, { name: "kind", value_format: kind }] },
    value_format:
      `%CEL('envoy.ai.token_usage' in metadata.typed_filter_metadata ? int(metadata.typed_filter_metadata['envoy.ai.token_usage'].${kind}_tokens) : 0)%`,
  });
  return {
    name: "envoy.access_loggers.stats",
    // A request without usage has no model to count for.
    filter: {
      extension_filter: {
        name: "envoy.access_loggers.extension_filters.cel",
        typed_config: {
          "@type": `${EXTENSIONS}.access_loggers.filters.cel.v3.ExpressionFilter`,
          expression: "'envoy.ai.token_usage' in metadata.typed_filter_metadata",
        },
      },
    },
    typed_config: {
      "@type": `${EXTENSIONS}.access_loggers.stats.v3.Config`,
      stats_scope: { prefix: STATS_PREFIX },
      counters: [tokens("input"), tokens("output")],
      histograms: [{
        stat: { name: "first_byte", tags: [model] },
        unit: "Milliseconds",
        value_format: "%COMMON_DURATION(DS_RX_BEG:DS_TX_BEG:ms)%",
      }],
    },
  };
}

function otlpLog(): Config {
  return {
    name: "envoy.access_loggers.open_telemetry",
    typed_config: {
      "@type": `${EXTENSIONS}.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig`,
      log_name: SERVICE,
      grpc_service: { envoy_grpc: { cluster_name: COLLECTOR_CLUSTER } },
      buffer_flush_interval: `${FLUSH_MS / 1_000}s`,
      resource_attributes: {
        values: [{ key: "service.name", value: { string_value: SERVICE } }],
      },
      body: { string_value: `%REQ(:METHOD)% ${CLIENT_PATH} %RESPONSE_CODE%` },
      attributes: {
        values: FIELDS.map(([key, value]) => ({ key, value: { string_value: value } })),
      },
    },
  };
}
