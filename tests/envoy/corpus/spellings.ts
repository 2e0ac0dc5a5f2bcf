/** Spellings that Envoy takes although a reader would not think so, and such that it refuses. */
import { authz, type CorpusCase, HTTP, strict } from "./form.ts";

const CLOSED = { denied: false, failing: false };
const OPEN = { denied: false, failing: true };

const processor = (mode: string) =>
  `{ name: proc, typed_config: { "@type": ${HTTP}.ext_proc.v3.ExternalProcessor, grpc_service: { envoy_grpc: { cluster_name: pol } }, processing_mode: { request_header_mode: SKIP, response_header_mode: SKIP, response_body_mode: ${mode} }, failure_mode_allow: true } }`;

export const SPELLINGS: readonly CorpusCase[] = [
  {
    name: "strict: nothing to find",
    text: strict(),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy, by hand: yes for true",
    text: strict({ authzFields: "failure_mode_allow: yes" }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "Envoy, by hand: On for true",
    text: strict({ authzFields: "failure_mode_allow: On" }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "Helm: a quoted boolean",
    text: strict({ authzFields: 'failure_mode_allow: "true"' }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "Envoy, by hand: n for false",
    text: strict({ authzFields: "failure_mode_allow: n" }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "Envoy Gateway: JSON names",
    text: strict({ authzFields: "failureModeAllow: true" }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "by hand: the last of two equal keys holds",
    text: strict({ authzFields: "failure_mode_allow: false, failure_mode_allow: true" }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "Envoy's examples: enums in lower case",
    text: strict({ manager: "codec_type: auto", after: processor("buffered") }),
    findings: ["stream.ext-proc-buffered"],
    envoy: "accepts",
  },
  {
    name: "generated: an enum by its number",
    text: strict({ after: processor("2") }),
    findings: ["stream.ext-proc-buffered"],
    envoy: "accepts",
  },
  {
    name: "OPA: a timeout of seconds as an object",
    text: strict({
      routes:
        "{ match: { prefix: / }, route: { cluster: up, timeout: { seconds: 60 }, idle_timeout: { seconds: 0 } } }",
    }),
    findings: ["stream.route-timeout"],
    envoy: "accepts",
    reached: CLOSED,
  },
  {
    name: "control plane: a wrapper as an object",
    text: strict({ authzFields: "filter_enabled: { default_value: { numerator: 0 } }" }),
    findings: ["policy.partly-enabled"],
    envoy: "accepts",
    reached: { denied: true, failing: true },
  },
  {
    name: "Istio: a filter as a TypedStruct",
    text: strict({
      authz:
        `{ name: envoy.filters.http.ext_authz, typed_config: { "@type": type.googleapis.com/udpa.type.v1.TypedStruct, type_url: ${HTTP}.ext_authz.v3.ExtAuthz, value: { transport_api_version: V3, failure_mode_allow: true, grpc_service: { envoy_grpc: { cluster_name: pol }, timeout: 2s }, status_on_error: { code: ServiceUnavailable }, validate_mutations: true, decoder_header_mutation_rules: { disallow_system: true } } } }`,
    }),
    findings: ["policy.fail-open"],
    envoy: "accepts",
    reached: OPEN,
  },
  {
    name: "by hand: a mistyped field",
    text: strict({ authzFields: "failure_mode_alow: false" }),
    findings: ["config.unknown-field"],
    envoy: "refuses",
  },
  {
    name: "by hand: a number for a duration",
    text: strict({ manager: "stream_idle_timeout: 30" }),
    findings: ["config.wrong-value"],
    envoy: "refuses",
  },
  {
    name: "by hand: a boolean for a text",
    text: strict({ manager: "server_name: no" }),
    findings: ["config.wrong-value"],
    envoy: "refuses",
  },
  {
    name: "by hand: two engines in one filter",
    text: strict({
      authzFields: "http_service: { server_uri: { uri: http://a, cluster: pol, timeout: 1s } }",
    }),
    findings: ["config.conflict"],
    envoy: "refuses",
  },
  {
    name: "by hand: an extension that is not there",
    text: strict({ before: `{ name: x, typed_config: { "@type": ${HTTP}.guard.v3.Guard } }` }),
    findings: ["config.unknown-type"],
    envoy: "refuses",
  },
  {
    name: "Helm: a template that nobody filled in",
    text: strict({
      address: "{ socket_address: { address: 127.0.0.1, port_value: {{ .Values.port }} } }",
    }),
    findings: ["config.template"],
    envoy: "refuses",
  },
  {
    name: "envsubst: a variable that nobody filled in",
    text: strict({ manager: 'max_request_headers_kb: "${HEADERS_KB}"' }),
    findings: ["config.template"],
    envoy: "refuses",
  },
  {
    name: "old tutorials: fields of the v2 API",
    text: strict({
      upstream:
        "type: STATIC, hosts: [ { socket_address: { address: 127.0.0.1, port_value: 1 } } ]",
    }),
    findings: ["config.old-api"],
    envoy: "refuses",
  },
  {
    name: "old tutorials: a type of the v2 API",
    text: strict({
      authz:
        '{ name: envoy.ext_authz, typed_config: { "@type": type.googleapis.com/envoy.config.filter.http.ext_authz.v2.ExtAuthz } }',
    }),
    findings: [
      ...["config.old-api", "policy.timeout", "policy.error-status"],
      ...["policy.mutations-unchecked", "policy.steers-envoy"],
    ],
    envoy: "refuses",
  },
  {
    name: "OPA: the engine's name of long ago",
    text: strict({ authz: authz("envoy.ext_authz") }),
    findings: [],
    envoy: "accepts",
    reached: CLOSED,
  },
];
