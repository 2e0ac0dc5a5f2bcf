/** One fault each in a strict file, and the case of the suite that shows it on a running Envoy. */
import { authz, HTTP, strict } from "./form.ts";

/** A rule, its case, and a file with that fault alone. */
export interface ShownCase {
  readonly rule: string;
  readonly case: string;
  readonly text: string;
}

const lua = (script: string) =>
  `{ name: lua, typed_config: { "@type": ${HTTP}.lua.v3.Lua, default_source_code: { inline_string: "${script}" } } }`;
const STDOUT = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog";
const GZIP = "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip";

function edited(from: string | RegExp, to: string): string {
  const text = strict().replace(from, to);
  if (text === strict()) throw new TypeError(`Nothing matches ${from}`);
  return text;
}

export const SHOWN: readonly ShownCase[] = [
  {
    rule: "edge.remote-address",
    case: "sec.x-envoy-strip",
    text: edited("use_remote_address: true", "use_remote_address: false"),
  },
  {
    rule: "edge.path-normalization",
    case: "sec.path-dotdot",
    text: edited("normalize_path: true", "normalize_path: false"),
  },
  {
    rule: "edge.merge-slashes",
    case: "sec.path-dotdot",
    text: edited("merge_slashes: true", "merge_slashes: false"),
  },
  {
    rule: "edge.escaped-slashes",
    case: "sec.path-dotdot",
    text: edited("slashes_action: REJECT_REQUEST", "slashes_action: KEEP_UNCHANGED"),
  },
  {
    rule: "edge.underscores",
    case: "sec.tenant-spoof-variants",
    text: edited("underscores_action: REJECT_REQUEST", "underscores_action: ALLOW"),
  },
  {
    rule: "edge.trusted-names",
    case: "sec.tenant-absent-when-none",
    text: strict({
      removed: ["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"],
    }),
  },
  {
    rule: "edge.auth-failure-header",
    case: "sec.auth-failure-header",
    text: strict({ removed: ["x-tenant", "x-llm-decision-id", "x-llm-policy-version"] }),
  },
  {
    rule: "edge.length-and-chunked",
    case: "sec.cl-te",
    text: strict({ manager: "http_protocol_options: { allow_chunked_length: true }" }),
  },
  {
    rule: "edge.denial-rewritten",
    case: "deny.body-and-headers",
    text: edited(
      /local_reply_config: .*/,
      "local_reply_config: { body_format: { text_format_source: { inline_string: x } } }",
    ),
  },
  {
    rule: "edge.secrets-logged",
    case: "obs.no-secrets",
    text: strict({
      log: `[ { name: out, typed_config: { "@type": ${STDOUT}, path: /dev/stdout } } ]`,
    }),
  },
  {
    rule: "policy.fail-open",
    case: "fc.policy-down",
    text: strict({ authzFields: "failure_mode_allow: true" }),
  },
  {
    rule: "policy.shadow",
    case: "deny.no-credential",
    text: strict({ authzFields: "shadow_mode: true" }),
  },
  {
    rule: "policy.partly-enabled",
    case: "deny.no-credential",
    text: strict({ authzFields: "filter_enabled: { default_value: { numerator: 0 } }" }),
  },
  { rule: "policy.missing", case: "deny.no-credential", text: strict({ authz: "" }) },
  {
    rule: "edge.credential-echoed",
    case: "sec.credential-not-echoed",
    text: strict({
      host:
        'response_headers_to_add: [ { header: { key: x-debug, value: "%REQ(AUTHORIZATION)%" } } ]',
    }),
  },
  {
    rule: "edge.credential-echoed",
    case: "sec.credential-not-echoed",
    text: edited(
      "flags: [UAEX] } }",
      'flags: [UAEX] } }, headers_to_add: [ { header: { key: x-k, value: "%REQ(x-api-key)%" } } ]',
    ),
  },
  {
    rule: "traffic.faults",
    case: "allow.basic-200",
    text: strict({
      before:
        `{ name: envoy.filters.http.fault, typed_config: { "@type": ${HTTP}.fault.v3.HTTPFault, abort: { http_status: 503, percentage: { numerator: 100 } } } }`,
    }),
  },
  {
    rule: "policy.route-exempt",
    case: "deny.every-route",
    text: strict({
      routes:
        `{ match: { prefix: /v1/models }, route: { cluster: up, timeout: 0s, idle_timeout: 0s }, typed_per_filter_config: { envoy.filters.http.ext_authz: { "@type": ${HTTP}.ext_authz.v3.ExtAuthzPerRoute, disabled: true } } }, { match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }`,
    }),
  },
  {
    rule: "policy.body-buffered",
    case: "contract.no-body-buffer",
    text: strict({ authzFields: "with_request_body: { max_request_bytes: 8192 }" }),
  },
  {
    rule: "policy.no-timeout",
    case: "fc.policy-timeout",
    text: strict({ authz: authz().replace("timeout: 2s", "timeout: 0s") }),
  },
  {
    rule: "policy.error-status",
    case: "fc.error-status",
    text: strict({
      authz: authz().replace("status_on_error: { code: ServiceUnavailable }, ", ""),
    }),
  },
  {
    rule: "policy.steers-envoy",
    case: "mut.x-envoy-blocked",
    text: strict({
      authz: authz().replace(", decoder_header_mutation_rules: { disallow_system: true }", ""),
    }),
  },
  {
    rule: "stream.buffered",
    case: "sse.lockstep",
    text: strict({
      after: lua("function envoy_on_response(h) local b = h:body() h:logInfo(b:length()) end"),
    }),
  },
  {
    rule: "stream.buffered",
    case: "contract.no-body-buffer",
    text: strict({
      before:
        `{ name: buf, typed_config: { "@type": ${HTTP}.buffer.v3.Buffer, max_request_bytes: 1048576 } }`,
    }),
  },
  {
    rule: "stream.compressed",
    case: "sse.no-compression",
    text: strict({
      before:
        `{ name: c, typed_config: { "@type": ${HTTP}.compressor.v3.Compressor, response_direction_config: { common_config: { content_type: [text/event-stream] } }, compressor_library: { name: g, typed_config: { "@type": ${GZIP} } } } }`,
    }),
  },
  {
    rule: "stream.retry",
    case: "retry.post-not-blind",
    text: strict({ host: "retry_policy: { retry_on: 5xx }" }),
  },
  {
    rule: "stream.retry",
    case: "retry.reset-not-blind",
    text: strict({ host: "retry_policy: { retry_on: reset }" }),
  },
  {
    rule: "stream.route-timeout",
    case: "sse.idle-20s",
    text: strict({
      routes: "{ match: { prefix: / }, route: { cluster: up, idle_timeout: 0s } }",
    }),
  },
  {
    rule: "stream.max-duration",
    case: "sse.idle-20s",
    text: edited(
      "underscores_action: REJECT_REQUEST",
      "underscores_action: REJECT_REQUEST, max_stream_duration: 10s",
    ),
  },
];
