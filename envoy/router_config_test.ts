import assert from "node:assert/strict";
import { bundledConfig } from "./config_file.ts";
import { launchConfig } from "./overlay.ts";
import { differences, type Json, objectsAt, valueAt } from "./tree.ts";

const { bootstrap } = bundledConfig("router");
const base = bundledConfig("base").bootstrap;
const MANAGER = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const PROCESSOR = `${MANAGER}/http_filters/3/typed_config`;
const BACKENDS = "static_resources/clusters/2";
const ROUTES = `${MANAGER}/route_config/virtual_hosts/0/routes`;
const ROUTE = `${ROUTES}/1/route`;
const POLICY = "policies/0/typed_extension_config/typed_config";
const OVERRIDE = `${BACKENDS}/load_balancing_policy/${POLICY}`;

Deno.test("router.yaml asks policy first, then buffers, then asks the router", () => {
  const names = objectsAt(bootstrap, `${MANAGER}/http_filters/*`).map(({ name }) => name);
  assert.deepEqual(names, [
    "envoy.filters.http.local_ratelimit",
    "envoy.filters.http.ext_authz",
    "envoy.filters.http.buffer",
    "envoy.filters.http.ext_proc",
    "envoy.filters.http.lua",
    "envoy.filters.http.router",
  ]);
});

/** Fields that the promises of docs/router.md depend on. */
const PROMISES: readonly (readonly [string, string, Json | undefined])[] = [
  [
    "one spelling of a slash",
    `${MANAGER}/path_with_escaped_slashes_action`,
    "UNESCAPE_AND_FORWARD",
  ],
  ["fails closed", `${PROCESSOR}/failure_mode_allow`, false],
  ["a message timeout", `${PROCESSOR}/message_timeout`, "2s"],
  ["bodies whole", `${PROCESSOR}/processing_mode/request_body_mode`, "BUFFERED"],
  ["answers unseen", `${PROCESSOR}/processing_mode/response_body_mode`, "NONE"],
  ["the stream's end", `${PROCESSOR}/processing_mode/response_trailer_mode`, "SEND"],
  [
    "bodies read on, however slow policy is",
    `${MANAGER}/route_config/virtual_hosts/0/routes/1/request_body_buffer_limit`,
    undefined,
  ],
  ["no mode override", `${PROCESSOR}/allow_mode_override`, undefined],
  // It would hold from the first filter on: see RATIONALE.md, "a buffer filter before ext_proc".
  ["no larger buffer before", `${ROUTES}/1/request_body_buffer_limit`, undefined],
  ["the longest body", `${MANAGER}/http_filters/2/typed_config/max_request_bytes`, 67108864],
  ["hosts from the router alone", `${BACKENDS}/type`, "EDS"],
  ["no other host", `${OVERRIDE}/fallback_policy/${POLICY}/fallback_policy`, "NO_FALLBACK"],
  [
    "no request twice",
    `${ROUTE}/retry_policy/retry_on`,
    "connect-failure,refused-stream,reset-before-request",
  ],
];

Deno.test.each(PROMISES.map(([what, path, value]) => ({ what, path, value })))(
  "router.yaml holds the promise: $what",
  ({ path, value }) => assert.deepEqual(valueAt(bootstrap, path), value),
);

Deno.test("router.yaml is base.yaml but for the router's parts", () => {
  const own = [
    "node",
    `${MANAGER}/http_filters/`,
    `${MANAGER}/local_reply_config/`,
    `${MANAGER}/path_with_escaped_slashes_action`,
    `${ROUTES}/1/name`,
    `${ROUTES}/1/match/prefix`,
    `${MANAGER}/access_log/`,
    `${MANAGER}/early_header_mutation_extensions/0/typed_config/mutations/5`,
    `${MANAGER}/route_config/virtual_hosts/0/routes/0/typed_per_filter_config/`,
    `${ROUTE}/cluster`,
    `${ROUTE}/retry_policy`,
    "static_resources/clusters/1/",
    "static_resources/clusters/2/",
  ];
  const others = differences(base, bootstrap).map(({ path }) => path)
    .filter((path) => !own.some((prefix) => path.startsWith(prefix)));
  assert.deepEqual(others, []);
});

Deno.test("launchConfig() sets the roots for model servers with TLS", () => {
  const file = bundledConfig("router");
  const launched = launchConfig(file, { trustedRoots: { backends: "/roots.pem" } });
  const path =
    `${BACKENDS}/transport_socket_matches/0/transport_socket/typed_config/common_tls_context/validation_context/trusted_ca`;
  assert.deepEqual(valueAt(launched.bootstrap, path), { filename: "/roots.pem" });
  assert.equal(launched.launchedSha256, launchConfig(file, {}).launchedSha256);
  assert.deepEqual([...new Set(launched.changes.map(({ what }) => what))], ["trusted roots file"]);
});
