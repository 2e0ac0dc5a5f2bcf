/** Streams that are held back or repeated, and secrets in logs. */
import { type CorpusCase, endpoint, HTTP, SOCKET, strict } from "./form.ts";

const LOGGER = "type.googleapis.com/envoy.extensions.access_loggers";
const text = (format: string) =>
  `[ { name: out, typed_config: { "@type": ${LOGGER}.stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: "${format}" } } } } ]`;
const json = (fields: string) =>
  `[ { name: out, typed_config: { "@type": ${LOGGER}.file.v3.FileAccessLog, path: /dev/null, log_format: { json_format: { ${fields} } } } } ]`;
const lua = (script: string) =>
  `{ name: lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "${script}" } } }`;
const UPSTREAM = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const upstream = (fields: string) =>
  `type: STATIC, load_assignment: ${
    endpoint(SOCKET)
  }, typed_extension_protocol_options: { ${UPSTREAM}: { "@type": type.googleapis.com/${UPSTREAM}, explicit_http_config: { http_protocol_options: {} }, ${fields} } }`;

export const STREAMS_AND_LOGS: readonly CorpusCase[] = [
  {
    name: "by hand: a script that collects answers",
    text: strict({
      after: lua("function envoy_on_response(h) local b = h:body() h:logInfo(b:length()) end"),
    }),
    findings: ["stream.buffered"],
    envoy: "accepts",
  },
  {
    name: "by hand: a script that reads answers piece by piece",
    text: strict({
      after: lua(
        "function envoy_on_response(h) for c in h:bodyChunks() do h:logInfo(c:length()) end end",
      ),
    }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "Envoy: a filter of the cluster's own buffers",
    text: strict({
      upstream: upstream(
        `http_filters: [ { name: b, typed_config: { "@type": ${HTTP}.buffer.v3.Buffer, max_request_bytes: 1024 } }, { name: c, typed_config: { "@type": ${HTTP}.upstream_codec.v3.UpstreamCodec } } ]`,
      ),
    }),
    findings: ["stream.buffered"],
    envoy: "accepts",
  },
  {
    name: "Envoy 1.40: a cluster's own retries",
    text: strict({ upstream: upstream("retry_policy: { retry_on: 5xx }") }),
    findings: ["stream.retry"],
    envoy: "accepts",
  },
  {
    name: "Istio: the default retries of a virtual service",
    text: strict({
      host:
        'retry_policy: { retry_on: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes", num_retries: 2, retriable_status_codes: [503] }',
    }),
    findings: ["stream.retry"],
    envoy: "accepts",
  },
  {
    name: "Envoy: hedging",
    text: strict({
      routes:
        "{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s, hedge_policy: { hedge_on_per_try_timeout: true }, retry_policy: { retry_on: connect-failure, per_try_timeout: 5s } } }",
    }),
    findings: ["stream.route-timeout", "stream.retry"],
    envoy: "accepts",
  },
  {
    name: "by hand: a script that logs the key by a variable",
    text: strict({
      after: lua(
        "function envoy_on_request(h) local k = h:headers():get('authorization') h:logWarn('key ' .. k) end",
      ),
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "by hand: a script that prints every header",
    text: strict({
      after: lua(
        "function envoy_on_request(h) for k, v in pairs(h:headers()) do print(k .. v) end end",
      ),
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "by hand: a script that logs what is no secret by a variable",
    text: strict({
      after: lua(
        "function envoy_on_request(h) local a = h:headers():get('user-agent') local k = h:headers():get('authorization') h:logInfo('k ' .. a) end",
      ),
    }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "by hand: the key in the state of a filter",
    text: strict({ log: text("%FILTER_STATE(api_key:PLAIN)%") }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "Envoy: a cluster's transport that is tapped",
    text: strict({
      upstream: `type: STATIC, load_assignment: ${
        endpoint(SOCKET)
      }, transport_socket: { name: tap, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tap.v3.Tap, common_config: { static_config: { match: { any_match: true }, output_config: { sinks: [ { file_per_tap: { path_prefix: /tmp/tap } } ] } } }, transport_socket: { name: raw, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer } } } }`,
    }),
    findings: ["edge.tapped"],
    envoy: "accepts",
  },
  {
    name: "Envoy: a buffer that a route switches off",
    text: strict({
      before:
        `{ name: buf, typed_config: { "@type": ${HTTP}.buffer.v3.Buffer, max_request_bytes: 1024 } }`,
      routes:
        `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { buf: { "@type": ${HTTP}.buffer.v3.BufferPerRoute, disabled: true } } }`,
    }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "vllm: an answer that a processor holds, on one route",
    text: strict({
      after:
        `{ name: proc, typed_config: { "@type": ${HTTP}.ext_proc.v3.ExternalProcessor, grpc_service: { envoy_grpc: { cluster_name: pol } }, processing_mode: { response_body_mode: NONE } } }`,
      routes:
        `{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { proc: { "@type": ${HTTP}.ext_proc.v3.ExtProcPerRoute, overrides: { processing_mode: { response_body_mode: BUFFERED_PARTIAL } } } } }`,
    }),
    findings: ["stream.ext-proc-buffered"],
    envoy: "accepts",
  },
  {
    name: "Envoy: the default format of the log",
    text: strict({
      log:
        `[ { name: out, typed_config: { "@type": ${LOGGER}.file.v3.FileAccessLog, path: /dev/null } } ]`,
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "Envoy Gateway: its JSON log",
    text: strict({
      log: json('method: "%REQ(:METHOD)%", path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"'),
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "by hand: Gemini's key",
    text: strict({ log: text("%REQ(X-GOOG-API-KEY):8%\\n") }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "by hand: the key out of the query",
    text: strict({ log: text("%QUERY_PARAM(api_key)%\\n") }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "by hand: the path without its query",
    text: strict({ log: text("%PATH(NQ:PATH)% %REQ(USER-AGENT)% %REQ(X-REQUEST-ID)%\\n") }),
    findings: [],
    envoy: "accepts",
  },
  {
    name: "OpenTelemetry: an attribute with the key",
    text: strict({
      log:
        `[ { name: otel, typed_config: { "@type": ${LOGGER}.open_telemetry.v3.OpenTelemetryAccessLogConfig, common_config: { log_name: l, grpc_service: { envoy_grpc: { cluster_name: pol } }, transport_api_version: V3 }, attributes: { values: [ { key: k, value: { string_value: "%REQ(AUTHORIZATION)%" } } ] } } } ]`,
    }),
    findings: ["edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "access log service: a listed credential",
    text: strict({
      log:
        `[ { name: als, typed_config: { "@type": ${LOGGER}.grpc.v3.HttpGrpcAccessLogConfig, common_config: { log_name: l, grpc_service: { envoy_grpc: { cluster_name: pol } }, transport_api_version: V3 }, additional_request_headers_to_log: [api-key] } } ]`,
    }),
    findings: ["edge.secrets-logged", "edge.secrets-logged"],
    envoy: "accepts",
  },
  {
    name: "Envoy: a span with a cookie",
    text: strict({
      manager: "tracing: { custom_tags: [ { tag: c, request_header: { name: cookie } } ] }",
    }),
    findings: ["edge.secrets-traced"],
    envoy: "accepts",
  },
  {
    name: "lint's own advice of before: two names left",
    text: strict({ removed: ["x-tenant", "x-llm-decision-id", "x-llm-policy-version"] }),
    findings: ["edge.auth-failure-header"],
    envoy: "accepts",
  },
];
