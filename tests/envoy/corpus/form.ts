/** The parts that configurations of the corpus are put together from, each in its own spelling. */

/** One configuration after somebody's form, and what is to be said of it. */
export interface CorpusCase {
  /** Origin of the form, and what is special about it. */
  readonly name: string;
  readonly text: string;
  /** Ids of lint's findings, in their order. */
  readonly findings: readonly string[];
  /** Verdict of `envoy --mode validate` on the text as it is; `other` when it is no bootstrap. */
  readonly envoy: "accepts" | "refuses" | "other";
  /** Does a request reach the upstream, measured, while policy says no, and while it gives no usable answer? */
  readonly reached?: { readonly denied: boolean; readonly failing: boolean };
  /** Headers of the request that tries, beside a plain GET of /v1/models. */
  readonly tries?: Readonly<Record<string, string>>;
  /** Found in a note. */
  readonly note?: RegExp;
}

export const TYPE = "type.googleapis.com/envoy.extensions.filters";
export const HTTP = `${TYPE}.http`;

/** The places of a strict configuration that a case fills in another way; each is YAML in flow style. */
export interface Slots {
  readonly address?: string;
  readonly listener?: string;
  readonly chain?: string;
  readonly manager?: string;
  readonly log?: string;
  readonly table?: string;
  readonly host?: string;
  readonly routes?: string;
  /** Filters before, in place of, and after ext_authz. */
  readonly before?: string;
  readonly authz?: string;
  readonly after?: string;
  readonly authzFields?: string;
  readonly removed?: readonly string[];
  readonly upstream?: string;
  readonly policy?: string;
  readonly more?: string;
  readonly top?: string;
}

const REMOVED = [
  ...["x-tenant", "x-llm-decision-id", "x-llm-policy-version"],
  ...["x-envoy-auth-failure-mode-allowed", "x-envoy-auth-partial-body"],
];

export const ROUTE =
  "{ match: { prefix: / }, route: { cluster: up, timeout: 0s, idle_timeout: 0s } }";
export const LIMITS =
  "circuit_breakers: { thresholds: [ { max_requests: 65536, max_pending_requests: 65536, max_connections: 65536 } ] }";
export const endpoint = (address: string): string =>
  `{ cluster_name: x, endpoints: [ { lb_endpoints: [ { endpoint: { address: ${address} } } ] } ] }`;
export const SOCKET = "{ socket_address: { address: 127.0.0.1, port_value: 1 } }";
export const HTTP2 =
  `{ envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } }`;

/** ext_authz as it should be, with more fields. */
export function authz(name = "envoy.filters.http.ext_authz", fields = ""): string {
  return `{ name: ${name}, typed_config: { "@type": ${HTTP}.ext_authz.v3.ExtAuthz, transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: pol }, timeout: 2s }, status_on_error: { code: ServiceUnavailable }, validate_mutations: true, decoder_header_mutation_rules: { disallow_system: true }${
    fields === "" ? "" : `, ${fields}`
  } } }`;
}

/** A configuration without a finding, but for what a case fills in. */
export function strict(slots: Slots = {}): string {
  const removed = (slots.removed ?? REMOVED).map((name) => `{ remove: ${name} }`).join(", ");
  const chain = [
    slots.before,
    slots.authz ?? authz(undefined, slots.authzFields),
    slots.after,
    `{ name: envoy.filters.http.router, typed_config: { "@type": ${HTTP}.router.v3.Router } }`,
  ].filter((filter) => filter !== undefined && filter !== "").join(",\n            ");
  return `${slots.top ?? ""}static_resources:
  listeners:
  - name: ingress
    address: ${slots.address ?? "{ socket_address: { address: 127.0.0.1, port_value: 10000 } }"}
    ${slots.listener ?? ""}
    filter_chains:
    - ${slots.chain ?? ""}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": ${TYPE}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          use_remote_address: true
          normalize_path: true
          merge_slashes: true
          path_with_escaped_slashes_action: REJECT_REQUEST
          request_headers_timeout: 10s
          always_set_request_id_in_response: true
          common_http_protocol_options: { headers_with_underscores_action: REJECT_REQUEST }
          early_header_mutation_extensions:
          - name: envoy.http.early_header_mutation.header_mutation
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation
              mutations: [ ${removed} ]
          local_reply_config: { mappers: [ { filter: { response_flag_filter: { flags: [UAEX] } } } ] }
          access_log: ${
    slots.log ??
      `[ { name: out, typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, log_format: { text_format_source: { inline_string: "%PROTOCOL% %RESPONSE_CODE_DETAILS%\\n" } } } } ]`
  }
          ${slots.manager ?? ""}
          route_config:
            name: table
            ${slots.table ?? ""}
            virtual_hosts:
            - name: host
              domains: ["*"]
              ${slots.host ?? ""}
              routes: [ ${slots.routes ?? ROUTE} ]
          http_filters: [
            ${chain}
          ]
  clusters:
  - { name: up, ${
    slots.upstream ?? `type: STATIC, load_assignment: ${endpoint(SOCKET)}`
  }, ${LIMITS} }
  - { name: pol, ${
    slots.policy ??
      `type: STATIC, load_assignment: ${
        endpoint(SOCKET)
      }, typed_extension_protocol_options: ${HTTP2}`
  }, ${LIMITS} }
  ${slots.more ?? ""}
`;
}
