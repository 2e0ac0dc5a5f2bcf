/** Gateways of the profile `edge` that are broken on purpose, one defect each. */
import type { Config, Mutant } from "../../../../mutants/mod.ts";
import type { ChangeDefect } from "./target.ts";

/** A broken gateway of this profile. */
export interface EdgeMutant extends Mutant {
  /** An edit that needs to know the folder of the certificates. */
  readonly editIn?: (config: Config, tls: string) => void;
  /** A defect of the way in which the configuration is changed. */
  readonly changes?: ChangeDefect;
}

/** The connection managers of all listeners: plain, TLS, QUIC. */
function managers({ static_resources: { listeners } }: Config): Config[] {
  return listeners.map(({ filter_chains: [{ filters: [{ typed_config }] }] }: Config) =>
    typed_config
  );
}

/** An HTTP filter by the end of its name, on every listener. */
function filters(config: Config, name: string): Config[] {
  return managers(config).flatMap(({ http_filters }) =>
    http_filters.filter((one: Config) => one.name === `envoy.filters.http.${name}`)
      .map(({ typed_config }: Config) => typed_config)
  );
}

function removeEverywhere(config: Config, isGone: (filter: Config) => boolean): void {
  for (const manager of managers(config)) {
    manager.http_filters = manager.http_filters.filter((one: Config) => !isGone(one));
  }
}

/** The values of a descriptor's entry, wherever it is sent. */
function describe(config: Config, key: string, value: string): void {
  for (const { rate_limits } of filters(config, "ratelimit")) {
    for (const { actions } of rate_limits) {
      for (const { generic_key } of actions) {
        if (generic_key?.descriptor_key === key) generic_key.descriptor_value = value;
      }
    }
  }
}

/** A reply that Envoy makes itself, by a word of its condition. */
function replies(config: Config, word: string): Config[] {
  return managers(config).flatMap(({ local_reply_config: { mappers } }) =>
    mappers.filter((one: Config) => JSON.stringify(one.filter).includes(word))
  );
}

function tokenFilter(config: Config): Config[] {
  return filters(config, "jwt_authn");
}

function keysOf(config: Config): Config[] {
  return tokenFilter(config).map(({ providers: { issuer } }) => issuer.remote_jwks);
}

function tlsContext(config: Config): Config {
  return config.static_resources.listeners[1].filter_chains[0].transport_socket.typed_config
    .common_tls_context;
}

function upstreamContext({ static_resources: { clusters } }: Config): Config {
  const upstream = clusters.find(({ name }: Config) => name === "upstream");
  return upstream.transport_socket_matches[0].transport_socket.typed_config.common_tls_context;
}

const JSON_TO_METADATA: Config = {
  name: "envoy.filters.http.json_to_metadata",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
    response_rules: {
      rules: [{
        selectors: [{ key: "usage" }, { key: "total_tokens" }],
        on_present: { metadata_namespace: "usage", key: "total" },
      }],
    },
  },
};

const CHARGED = [
  "limit.tokens-json",
  "limit.tokens-sse",
  "limit.next-429",
  "limit.abort-charged",
  "limit.no-usage-charged",
];

export const EDGE_MUTANTS: readonly EdgeMutant[] = [
  {
    id: "limits-charge-nothing",
    defect: "answers are not charged at their end",
    kills: CHARGED,
    edit(config) {
      for (const settings of filters(config, "ratelimit")) {
        settings.rate_limits = settings.rate_limits.filter((one: Config) =>
          !one.apply_on_stream_done
        );
      }
    },
  },
  {
    id: "limits-read-no-usage",
    defect: "nobody reads what an answer says it used",
    kills: ["limit.tokens-json", "limit.tokens-sse"],
    edit: (config) => removeEverywhere(config, ({ name }) => name.endsWith(".ai_protocol_manager")),
  },
  {
    id: "limits-free-without-usage",
    defect: "without usage nothing is charged",
    kills: ["limit.abort-charged", "limit.no-usage-charged"],
    edit(config) {
      for (const key of ["request_bytes", "response_bytes"]) describe(config, key, "0");
    },
  },
  {
    id: "limits-one-bucket",
    defect: "all tenants share one bucket",
    kills: ["limit.tenant-apart"],
    edit: (config) => describe(config, "tenant", "everybody"),
  },
  {
    id: "limits-before-policy",
    defect: "requests are counted before policy has decided",
    kills: ["limit.denied-free"],
    edit(config) {
      for (const { http_filters } of managers(config)) {
        const at = (name: string) =>
          http_filters.findIndex((one: Config) => one.name === `envoy.filters.http.${name}`);
        const [limits] = http_filters.splice(at("ratelimit"), 1);
        http_filters.splice(at("ext_authz"), 0, limits);
      }
    },
  },
  {
    id: "limits-charge-errors",
    defect: "errors are charged like answers",
    kills: ["limit.error-free"],
    edit: (config) => describe(config, "status", "200"),
  },
  {
    id: "limits-price-everything-alike",
    defect: "whatever model answered is taken for the cheap one",
    kills: ["limit.unknown-model-dear"],
    edit: (config) => describe(config, "answer_model", "case-cheap"),
  },
  {
    id: "limits-forget-sessions",
    defect: "sessions are not told apart",
    kills: ["limit.session-budget"],
    edit: (config) => describe(config, "session", "-"),
  },
  {
    id: "limits-hold-answers",
    defect: "JSON answers are held until their usage was read",
    kills: ["limit.large-json-whole"],
    edit(config) {
      for (const { http_filters } of managers(config)) {
        http_filters.splice(http_filters.length - 1, 0, JSON_TO_METADATA);
      }
    },
  },
  {
    id: "limits-fail-open",
    defect: "when the limits cannot be asked everything passes",
    kills: ["limit.service-down-503", "limit.service-slow-503"],
    edit(config) {
      for (const settings of filters(config, "ratelimit")) settings.failure_mode_deny = false;
    },
  },
  {
    id: "limits-plain-429",
    defect: "a refusal says nothing but its status",
    kills: ["limit.openai-shape"],
    edit(config) {
      for (const mapper of replies(config, "request_rate_limited")) {
        mapper.filter.extension_filter.typed_config.expression =
          "response.code_details == 'request_rate_limited'";
        mapper.body_format_override = {
          content_type: "text/plain",
          text_format_source: { inline_string: "Too many requests" },
        };
      }
    },
  },
  {
    id: "limits-no-retry-after",
    defect: "a refusal does not say when to come back",
    kills: ["limit.retry-after"],
    edit(config) {
      for (const settings of filters(config, "ratelimit")) {
        settings.enable_retry_after_header = false;
      }
    },
  },
  {
    id: "limits-show-providers-quota",
    defect: "the provider's quota reaches the client beside its own",
    kills: ["limit.quota-headers"],
    edit(config) {
      for (const { route_config: { virtual_hosts: [{ routes }] } } of managers(config)) {
        for (const route of routes) delete route.response_headers_to_remove;
      }
    },
  },
  {
    id: "tokens-unchecked",
    defect: "a token that does not hold is let through to policy",
    kills: ["jwt.issuer-refused"],
    edit(config) {
      for (const { rules: [rule] } of tokenFilter(config)) {
        const requirements = [rule.requires, { allow_missing_or_failed: {} }];
        rule.requires = { requires_any: { requirements } };
      }
    },
  },
  {
    id: "tokens-alone",
    defect: "whatever stands behind Bearer is taken for a token",
    kills: ["jwt.beside-keys"],
    edit(config) {
      for (const { rules: [rule] } of tokenFilter(config)) {
        rule.match.headers = [{ name: "authorization", present_match: true }];
      }
    },
  },
  {
    id: "tokens-forwarded",
    defect: "the token goes on to the upstream",
    kills: ["jwt.claim-header-spoof"],
    edit(config) {
      for (const { providers: { issuer } } of tokenFilter(config)) issuer.forward = true;
    },
  },
  {
    id: "tokens-log-no-cause",
    defect: "the log does not say why a token was refused",
    kills: ["jwt.log-names-cause"],
    edit(config) {
      for (const { access_log: [{ typed_config }] } of managers(config)) {
        delete typed_config.log_format.json_format.code_details;
      }
    },
  },
  {
    id: "tokens-keys-once",
    defect: "the issuer is asked for its keys once and never again",
    kills: ["jwt.remote-rotation"],
    edit(config) {
      for (const jwks of keysOf(config)) jwks.cache_duration = "36000s";
    },
  },
  {
    id: "tokens-keys-on-demand",
    defect: "known keys are dropped when the issuer cannot be asked",
    kills: ["jwt.jwks-down-keeps"],
    edit(config) {
      for (const jwks of keysOf(config)) {
        jwks.cache_duration = "1s";
        delete jwks.async_fetch;
      }
    },
  },
  {
    id: "roles-only-watched",
    defect: "roles are looked at and not enforced",
    kills: ["jwt.rbac-claim", "jwt.rbac-path", "jwt.rbac-shape", "mtls.wrong-san"],
    edit(config) {
      for (const settings of filters(config, "rbac")) {
        settings.shadow_rules = settings.rules;
        delete settings.rules;
      }
    },
  },
  {
    id: "claims-as-they-come",
    defect: "a claim goes into a header whatever is in it",
    kills: ["jwt.unusable-claim"],
    edit(config) {
      for (const { rules } of filters(config, "rbac")) delete rules.policies.unusable_claims;
    },
  },
  {
    id: "roles-by-one-spelling",
    defect: "the path is compared as the client wrote it",
    kills: ["jwt.rbac-path"],
    edit(config) {
      for (const manager of managers(config)) {
        manager.normalize_path = false;
        manager.merge_slashes = false;
      }
    },
  },
  {
    id: "roles-name-themselves",
    defect: "a refusal says which role is missing",
    kills: ["jwt.rbac-shape"],
    edit(config) {
      for (const mapper of replies(config, "rbac_access_denied")) {
        mapper.body_format_override.text_format_source.inline_string =
          '{"error":{"message":"Only for the role admin","type":"policy_error","param":null,"code":"forbidden"}}';
      }
    },
  },
  {
    id: "certificates-not-asked-for",
    defect: "no client is asked for a certificate",
    kills: ["mtls.no-cert-refused", "mtls.wrong-ca", "mtls.san-to-policy"],
    edit: (config) => delete tlsContext(config).validation_context_sds_secret_config,
  },
  {
    id: "certificates-of-anybody",
    defect: "any certificate of the authority is a client's",
    kills: ["mtls.wrong-san"],
    edit(config) {
      for (const { rules } of filters(config, "rbac")) delete rules.policies.other_certificates;
    },
  },
  {
    id: "certificates-by-hearsay",
    defect: "what a client says about its certificate is passed on",
    kills: ["mtls.xfcc-spoof"],
    edit(config) {
      for (const manager of managers(config)) {
        manager.forward_client_cert_details = "ALWAYS_FORWARD_ONLY";
      }
    },
  },
  {
    id: "certificates-kept-to-itself",
    defect: "the gateway shows its upstream no certificate",
    kills: ["mtls.upstream-client-cert"],
    edit: (config) => delete upstreamContext(config).tls_certificate_sds_secret_configs,
  },
  {
    id: "certificates-of-any-upstream",
    defect: "whoever answers in the upstream's place is believed",
    kills: ["mtls.upstream-verified"],
    edit(config) {
      upstreamContext(config).validation_context.trust_chain_verification = "ACCEPT_UNTRUSTED";
    },
  },
  {
    id: "certificates-of-the-start",
    defect: "the certificate of the start is shown for ever",
    kills: ["mtls.rotate-live"],
    editIn(config, tls) {
      const context = tlsContext(config);
      delete context.tls_certificate_sds_secret_configs;
      context.tls_certificates = [{
        certificate_chain: { filename: `${tls}/server.pem` },
        private_key: { filename: `${tls}/server.key.pem` },
      }];
    },
  },
];
