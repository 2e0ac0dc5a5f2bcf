/** Mutants of the check-only configurations. */
import {
  addBefore,
  cluster,
  filter,
  filterNamed,
  hcm,
  lua,
  removeFilter,
  settingsOf,
  virtualHost,
} from "./config_places.ts";
import type { Config, Mutant } from "./mutant.ts";

function provider(config: Config): Config {
  return settingsOf(config, "jwt_authn").providers.check_only;
}
function extProc(config: Config): Config {
  return settingsOf(config, "ext_proc");
}
function routeTo(config: Config, prefix: string): Config {
  return virtualHost(config).routes.find(({ match }: Config) => match.prefix === prefix);
}

/** The configuration with the listener for HTTP/3 as its first: what is edited there is edited. */
function overQuic({ static_resources }: Config): Config {
  const listeners = static_resources.listeners.filter((one: Config) => one.udp_listener_config);
  return { static_resources: { ...static_resources, listeners } };
}

/** Requires a valid token, or `otherwise` when there is none. */
function tokenOr(config: Config, otherwise: "allow_missing" | "allow_missing_or_failed"): void {
  const [rule] = settingsOf(config, "jwt_authn").rules;
  const requirements = [{ provider_name: "check_only" }, { [otherwise]: {} }];
  rule.requires = { requires_any: { requirements } };
}

/** Moves a filter behind another one. */
function moveBehind(config: Config, name: string, other: string): void {
  const { http_filters: filters } = hcm(config);
  const [moved] = filters.splice(filters.indexOf(filter(config, name)), 1);
  filters.splice(filters.indexOf(filter(config, other)) + 1, 0, moved);
}

/** Reads the model by the stable filter in place of the one that refuses what is ambiguous. */
function readModelByMetadata(config: Config): void {
  const place = filter(config, "ai_protocol_manager");
  place.name = "envoy.filters.http.json_to_metadata";
  place.typed_config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata",
    request_rules: {
      rules: [{
        selectors: [{ key: "model" }],
        on_present: { metadata_namespace: "llm", key: "model" },
      }],
    },
  };
  const [{ append }] = settingsOf(config, "header_mutation").mutations.request_mutations;
  append.header.value = "%DYNAMIC_METADATA(llm:model)%";
  for (const route of virtualHost(config).routes) {
    delete route.typed_per_filter_config?.["envoy.filters.http.ai_protocol_manager"];
  }
}

/** Upstream filters of a cluster that rewrite how its gRPC streams end: OK becomes INTERNAL. */
function failingEnds(): Config {
  const options = "type.googleapis.com/envoy.extensions.filters.http";
  const mutation = {
    append: {
      header: { key: "grpc-status", value: "13" },
      append_action: "OVERWRITE_IF_EXISTS",
    },
  };
  return [{
    name: "envoy.filters.http.header_mutation",
    typed_config: {
      "@type": `${options}.header_mutation.v3.HeaderMutation`,
      mutations: { response_mutations: [mutation], response_trailers_mutations: [mutation] },
    },
  }, {
    name: "envoy.filters.http.upstream_codec",
    typed_config: { "@type": `${options}.upstream_codec.v3.UpstreamCodec` },
  }];
}

/** Envoy made wrong on the check-only configurations, for the opt-in groups. */
export const OPT_IN_MUTANTS: readonly Mutant[] = [
  {
    id: "token-optional",
    defect: "a request without a token passes",
    on: "jwt",
    kills: ["jwt.missing-401"],
    edit: (config) => tokenOr(config, "allow_missing"),
  },
  {
    id: "token-unchecked",
    defect: "a token that does not hold passes",
    on: "jwt",
    kills: ["jwt.bad-sig", "jwt.alg-none", "jwt.kid-unknown"],
    edit: (config) => tokenOr(config, "allow_missing_or_failed"),
  },
  {
    id: "token-never-expires",
    defect: "a token is good for an hour after its end",
    on: "jwt",
    kills: ["jwt.expired"],
    edit: (config) => provider(config).clock_skew_seconds = 3600,
  },
  {
    id: "token-for-anybody",
    defect: "the audience of a token is not looked at",
    on: "jwt",
    kills: ["jwt.wrong-aud"],
    edit: (config) => delete provider(config).audiences,
  },
  {
    id: "token-passed-on",
    defect: "the token goes on to the upstream",
    on: "jwt",
    kills: ["jwt.not-forwarded"],
    edit: (config) => provider(config).forward = true,
  },
  {
    id: "claims-kept",
    defect: "policy is not told the claims",
    on: "jwt",
    kills: ["jwt.claims-to-policy"],
    edit: (config) => delete provider(config).payload_in_metadata,
  },
  {
    id: "processor-may-change-nothing",
    defect: "header mutations of the processor are ignored",
    on: "ext_proc",
    kills: ["xp.headers-set-remove"],
    edit: (config) => extProc(config).mutation_rules = { disallow_all: { value: true } },
  },
  {
    id: "processor-fails-open",
    defect: "requests pass when the processor fails",
    on: "ext_proc",
    kills: ["xp.error-500", "xp.message-timeout"],
    edit: (config) => extProc(config).failure_mode_allow = true,
  },
  {
    id: "processor-may-not-answer",
    defect: "immediate responses of the processor are refused",
    on: "ext_proc",
    kills: ["xp.immediate-response"],
    edit: (config) => extProc(config).disable_immediate_response = true,
  },
  {
    id: "processor-gets-whole-bodies",
    defect: "streams are held back for the processor",
    on: "ext_proc",
    kills: ["xp.sse-not-buffered"],
    edit: (config) => extProc(config).processing_mode.response_body_mode = "BUFFERED",
  },
  {
    id: "processor-must-not-close",
    defect: "a processor that closes its stream with OK is taken for one that failed",
    on: "ext_proc",
    kills: ["xp.clean-close-continues"],
    edit: (config) => {
      const [options] = Object.values(
        cluster(config, "ext_proc").typed_extension_protocol_options,
      ) as Config[];
      options.http_filters = failingEnds();
    },
  },
  {
    id: "connects-for-a-minute",
    defect: "a connection to the upstream may take a minute",
    on: "resilience",
    kills: ["lim.upstream-connect"],
    edit: (config) => cluster(config, "blackhole").connect_timeout = "60s",
  },
  {
    id: "never-tries-again",
    defect: "a silent try is waited for",
    on: "resilience",
    kills: ["retry.before-first-byte"],
    edit: (config) => delete routeTo(config, "/v1/impatient/").route.retry_policy,
  },
  {
    id: "open-when-disabled",
    defect: "an authorization filter that is switched off lets requests pass",
    on: "failure_modes",
    kills: ["fc.disabled-filter"],
    edit: (config) => delete filterNamed(config, "ext_authz_disabled").typed_config.deny_at_disable,
  },
  {
    id: "open-without-a-word",
    defect: "the upstream is not told that nobody was asked",
    on: "failure_modes",
    kills: ["fc.fail-open-marked"],
    edit: (config) =>
      delete filterNamed(config, "ext_authz_open").typed_config.failure_mode_allow_header_add,
  },
  {
    id: "large-bodies-cut",
    defect: "a body beyond the filter's limit is cut and passed",
    on: "failure_modes",
    kills: ["fc.body-limit-before-check"],
    edit: (config) => {
      const { check_settings } =
        routeTo(config, "/v1/open-limited/").typed_per_filter_config.ext_authz_open;
      check_settings.with_request_body.allow_partial_message = true;
    },
  },
  {
    id: "quic-unasked",
    defect: "requests over HTTP/3 are not put before policy",
    on: "tls",
    kills: ["http.h3", "http.h3-denied", "http.h3-fail-closed"],
    edit: (config) => removeFilter(overQuic(config), "ext_authz"),
  },
  {
    id: "quic-held-back",
    defect: "answers over HTTP/3 are held back until they are complete",
    on: "tls",
    kills: ["http.h3-lockstep", "http.h3-cancel"],
    edit: (config) =>
      addBefore(
        overQuic(config),
        "router",
        lua("function envoy_on_response(handle) handle:body() end"),
      ),
  },
  {
    id: "quic-fails-open",
    defect: "requests over HTTP/3 pass when the policy engine does not answer",
    on: "tls",
    kills: ["http.h3-fail-closed"],
    edit: (config) => settingsOf(overQuic(config), "ext_authz").failure_mode_allow = true,
  },
  {
    id: "quic-rewrites-bodies",
    defect: "bodies over HTTP/3 are written anew",
    on: "tls",
    kills: ["http.h3-body", "http.h3-bytes"],
    edit: (config) =>
      addBefore(
        overQuic(config),
        "router",
        lua(
          'local function trim(handle) local b = handle:body(); if b then b:setBytes((b:getBytes(0, b:length()):gsub("%s+", " "))) end end ' +
            "function envoy_on_request(handle) trim(handle) end " +
            "function envoy_on_response(handle) trim(handle) end",
        ),
      ),
  },
  {
    id: "upgrades-unasked",
    defect: "WebSocket requests are not put before policy",
    on: "websocket",
    kills: ["pass.websocket"],
    edit: (config) => {
      const open = structuredClone(routeTo(config, "/v1/"));
      open.match.headers = [{ name: "upgrade", present_match: true }];
      open.typed_per_filter_config = {
        "envoy.filters.http.ext_authz": {
          "@type":
            "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
          disabled: true,
        },
      };
      virtualHost(config).routes.unshift(open);
    },
  },
  {
    id: "model-after-policy",
    defect: "the model is read when policy has decided",
    on: "model_policy",
    kills: ["model.told", "model.denied"],
    edit(config) {
      moveBehind(config, "header_mutation", "ext_authz");
      moveBehind(config, "ai_protocol_manager", "ext_authz");
    },
  },
  {
    id: "model-by-metadata",
    defect: "of two models the last is told, text is not read, and a large body is not taken",
    on: "model_policy",
    kills: ["model.duplicate-key", "model.content-type", "model.large-body", "model.invalid-json"],
    edit: readModelByMetadata,
  },
  {
    id: "model-by-hearsay",
    defect: "a client may say the model itself",
    on: "model_policy",
    kills: ["model.forged-header"],
    edit(config) {
      const { mutations } = hcm(config).early_header_mutation_extensions[0].typed_config;
      mutations.splice(mutations.findIndex(({ remove }: Config) => remove === "x-llm-model"), 1);
    },
  },
  {
    id: "model-body-written-anew",
    defect: "a body whose model was read is written anew",
    on: "model_policy",
    kills: ["model.bytes-unchanged"],
    edit(config) {
      settingsOf(config, "ai_protocol_manager").request_handling.reserialize_body = "ALWAYS";
    },
  },
  {
    id: "tool-after-policy",
    defect: "the tool is read when policy has decided",
    on: "mcp",
    kills: ["mcp.tool-told", "mcp.tool-denied", "mcp.tool-escaped"],
    edit: (config) => moveBehind(config, "mcp", "ext_authz"),
  },
  {
    id: "tool-of-the-last-key",
    defect: "of two tools the last is told",
    on: "mcp",
    kills: ["mcp.duplicate-name"],
    edit: (config) => delete settingsOf(config, "mcp").reject_duplicate_keys,
  },
  {
    id: "tool-unseen",
    defect: "what is no JSON-RPC passes",
    on: "mcp",
    kills: ["mcp.batch"],
    edit: (config) => settingsOf(config, "mcp").traffic_mode = "PASS_THROUGH",
  },
  {
    id: "tool-progress-held",
    defect: "a call's progress is held until it is over",
    on: "mcp",
    kills: ["mcp.stream-untouched"],
    edit: (config) =>
      addBefore(config, "router", lua("function envoy_on_response(handle) handle:body() end")),
  },
];
