/** Mutants of Envoy's ext_authz filter. */
import {
  addBefore,
  filter,
  hcm,
  lentKey,
  lua,
  removeFilter,
  routeOf,
  settingsOf,
  virtualHost,
  WITHOUT_POLICY,
} from "./config_places.ts";
import type { Mutant } from "./mutant.ts";

/** Envoy made wrong where it asks policy, and where it acts on the answer. */
export const POLICY_MUTANTS: readonly Mutant[] = [
  {
    id: "fail-open",
    defect: "requests pass when the policy engine does not answer",
    kills: [
      "fc.policy-down",
      "fc.policy-timeout",
      "fc.policy-grpc-error",
      "fc.policy-rst",
      "fc.policy-garbage",
      "fc.recovers",
      "fc.outage-under-load",
    ],
    edit: (config) => settingsOf(config, "ext_authz").failure_mode_allow = true,
  },
  {
    id: "error-is-403",
    defect: "a failed policy engine looks like a denial: 403",
    kills: ["fc.error-status"],
    edit: (config) => {
      delete settingsOf(config, "ext_authz").status_on_error;
      delete hcm(config).local_reply_config.mappers[0].status_code;
    },
  },
  {
    id: "no-authz",
    defect: "there is no policy in the way",
    kills: ["deny.no-credential", "deny.wrong-credential", "deny.default-403", "deny.every-route"],
    edit: (config) => removeFilter(config, "ext_authz"),
  },
  {
    id: "key-for-anybody",
    defect: "who brings no credential over HTTP/2 is lent one",
    kills: ["deny.no-credential"],
    edit: (config) => addBefore(config, "ext_authz", lentKey("HTTP/2")),
  },
  {
    id: "any-key-will-do",
    defect: "a credential is not looked at, only whether there is one",
    kills: ["deny.wrong-credential"],
    edit: (config) =>
      addBefore(
        config,
        "ext_authz",
        lua(
          'function envoy_on_request(handle) local h = handle:headers(); if h:get("x-api-key") then ' +
            'h:replace("x-api-key", "demo-key") end end',
        ),
      ),
  },
  {
    id: "authz-off-for-models",
    defect: "one route is exempt from policy",
    kills: ["deny.every-route"],
    edit: (config) => {
      const open = structuredClone(routeOf(config));
      open.name = "models";
      open.match = { path: "/v1/models" };
      open.typed_per_filter_config = WITHOUT_POLICY;
      virtualHost(config).routes.unshift(open);
    },
  },
  {
    id: "request-body-to-policy",
    defect: "the policy engine gets the body, and the upload waits for it",
    kills: ["contract.no-body-buffer", "contract.no-body-by-default"],
    edit: (config) =>
      settingsOf(config, "ext_authz").with_request_body = {
        max_request_bytes: 16 << 20,
        allow_partial_message: true,
      },
  },
  {
    id: "policy-steers-envoy",
    defect: "x-envoy-* headers that the policy sets act on the router",
    kills: ["mut.x-envoy-blocked"],
    edit: (config) => delete settingsOf(config, "ext_authz").decoder_header_mutation_rules,
  },
  {
    id: "policy-never-late",
    defect: "the policy engine may take 60 s",
    kills: ["fc.policy-timeout"],
    edit: (config) => settingsOf(config, "ext_authz").grpc_service.timeout = "60s",
  },
  {
    id: "policy-too-impatient",
    defect: "the policy engine may take 400 ms",
    kills: ["fc.slow-but-in-time"],
    edit: (config) => settingsOf(config, "ext_authz").grpc_service.timeout = "0.4s",
  },
  {
    id: "denials-rewritten",
    defect: "a local-reply mapper writes over the policy's own denials",
    kills: ["deny.body-and-headers", "deny.local-reply-wins"],
    edit: (config) =>
      hcm(config).local_reply_config.mappers.unshift({
        filter: {
          status_code_filter: {
            comparison: { op: "GE", value: { default_value: 400, runtime_key: "mutant" } },
          },
        },
        body_format_override: { text_format_source: { inline_string: "denied" } },
      }),
  },
  {
    id: "asked-twice",
    defect: "two authorization filters ask about every request",
    kills: ["contract.check-once"],
    edit: (config) => {
      const filters = hcm(config).http_filters;
      const first = structuredClone(filter(config, "ext_authz"));
      filters.splice(filters.length - 2, 0, {
        ...first,
        name: "envoy.filters.http.ext_authz.second",
      });
    },
  },
  {
    id: "few-headers-to-policy",
    defect: "the policy engine gets only some headers",
    kills: ["contract.headers-complete"],
    edit: (config) =>
      settingsOf(config, "ext_authz").allowed_headers = {
        patterns: ["x-api-key", "authorization", "x-harness-case", "x-request-id"].map((exact) => ({
          exact,
        })),
      },
  },
  {
    id: "rerouted-after-check",
    defect: "x-envoy-original-path of the policy becomes the path",
    kills: ["route.no-reroute-bypass"],
    edit: (config) => {
      delete settingsOf(config, "ext_authz").decoder_header_mutation_rules;
      addBefore(
        config,
        "router",
        lua(
          'function envoy_on_request(handle) local p = handle:headers():get("x-envoy-original-path"); ' +
            'if p then handle:headers():replace(":path", p) end end',
        ),
      );
    },
  },
  {
    id: "denials-with-200",
    defect: "every denial gets status 200",
    kills: [
      "deny.no-credential",
      "deny.wrong-credential",
      "deny.custom-status",
      "deny.streaming-not-sse",
    ],
    edit: (config) =>
      hcm(config).http_filters.unshift(
        lua(
          'function envoy_on_response(handle) local s = handle:headers():get(":status"); ' +
            'if s == "401" or s == "402" or s == "403" or s == "429" then handle:headers():replace(":status", "200") end end',
        ),
      ),
  },
];
