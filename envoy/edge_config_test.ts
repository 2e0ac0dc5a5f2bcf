import assert from "node:assert/strict";
import { bundledConfig } from "./config_file.ts";
import { type Json, objectsAt, valueAt } from "./tree.ts";

const { bootstrap } = bundledConfig("edge");
const base = bundledConfig("base").bootstrap;
const LISTENERS = "static_resources/listeners";
const MANAGER = "filter_chains/0/filters/0/typed_config";
const FILTERS = `${LISTENERS}/0/${MANAGER}/http_filters`;

const CHAIN = [
  "envoy.filters.http.local_ratelimit",
  "envoy.filters.http.jwt_authn",
  "envoy.filters.http.rbac",
  "envoy.filters.http.ext_authz",
  "envoy.filters.http.ratelimit",
  "envoy.filters.http.ai_protocol_manager",
  "envoy.filters.http.router",
];

Deno.test("edge.yaml has the same filters on every listener, alt-svc where TLS is over TCP", () => {
  const names = (listener: number) =>
    objectsAt(bootstrap, `${LISTENERS}/${listener}/${MANAGER}/http_filters/*`)
      .map(({ name }) => name);
  assert.deepEqual(names(0), CHAIN);
  assert.deepEqual(names(1), ["envoy.filters.http.header_mutation", ...CHAIN]);
  assert.deepEqual(names(2), CHAIN);
});

/** Fields that the promises of docs/edge.md and docs/limits.md depend on. */
const PROMISES: readonly (readonly [string, string, Json | undefined])[] = [
  ["limits fail closed", `${FILTERS}/4/typed_config/failure_mode_deny`, true],
  ["with 503", `${FILTERS}/4/typed_config/status_on_error/code`, "ServiceUnavailable"],
  ["policy fails closed", `${FILTERS}/3/typed_config/failure_mode_allow`, false],
  ["tokens end here", `${FILTERS}/1/typed_config/providers/issuer/forward`, false],
  ["tokens expire", `${FILTERS}/1/typed_config/providers/issuer/require_expiration`, true],
  ["roles refuse", `${FILTERS}/2/typed_config/rules/action`, "DENY"],
  ["no request body is read", `${FILTERS}/5/typed_config/request_handling`, undefined],
  ["no body is held for policy", `${FILTERS}/3/typed_config/with_request_body`, undefined],
  [
    "a client's certificate header is replaced",
    `${LISTENERS}/1/${MANAGER}/forward_client_cert_details`,
    "SANITIZE_SET",
  ],
];

Deno.test.each(PROMISES.map(([what, path, value]) => ({ what, path, value })))(
  "edge.yaml holds the promise: $what",
  ({ path, value }) => assert.deepEqual(valueAt(bootstrap, path), value),
);

Deno.test("edge.yaml gives every value of a descriptor a default: an empty one would be free", () => {
  const keys = objectsAt(
    bootstrap,
    `${FILTERS}/4/typed_config/rate_limits/*/actions/*/generic_key`,
  );
  assert.ok(keys.length > 10);
  for (const { descriptor_key, descriptor_value, default_value } of keys) {
    const formatted = String(descriptor_value).includes("%");
    assert.equal(default_value !== undefined, formatted, String(descriptor_key));
  }
});

Deno.test("edge.yaml keeps base.yaml's routes, log fields and guards on every listener", () => {
  const manager = `${LISTENERS}/0/${MANAGER}`;
  const kept = [
    "normalize_path",
    "merge_slashes",
    "path_with_escaped_slashes_action",
    "common_http_protocol_options",
    "request_headers_timeout",
    "use_remote_address",
    "internal_address_config",
    "preserve_external_request_id",
    "request_id_extension",
    "server_header_transformation",
  ];
  for (const listener of [0, 1, 2]) {
    for (const field of kept) {
      assert.deepEqual(
        valueAt(bootstrap, `${LISTENERS}/${listener}/${MANAGER}/${field}`),
        valueAt(base, `${manager}/${field}`),
        `${listener}: ${field}`,
      );
    }
  }
  const log = `${manager}/access_log/0/typed_config/log_format/json_format`;
  const lost = Object.keys(valueAt(base, log) as object)
    .filter((field) => valueAt(bootstrap, `${log}/${field}`) === undefined);
  assert.deepEqual(lost, []);
  const route = `${manager}/route_config/virtual_hosts/0/routes/1/route`;
  assert.deepEqual(valueAt(bootstrap, route), valueAt(base, route));
});
