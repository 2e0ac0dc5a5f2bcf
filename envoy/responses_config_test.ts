import assert from "node:assert/strict";
import { bundledConfig } from "./config_file.ts";
import { differences, type Json, objectsAt, valueAt } from "./tree.ts";

const { bootstrap } = bundledConfig("responses");
const base = bundledConfig("base").bootstrap;
const MANAGER = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const PROCESSOR = `${MANAGER}/http_filters/2/typed_config`;
const ROUTES = `${MANAGER}/route_config/virtual_hosts/0/routes`;

Deno.test("responses.yaml asks policy first, then the gateway's processor", () => {
  const names = objectsAt(bootstrap, `${MANAGER}/http_filters/*`).map(({ name }) => name);
  assert.deepEqual(names, [
    "envoy.filters.http.local_ratelimit",
    "envoy.filters.http.ext_authz",
    "envoy.filters.http.ext_proc",
    "envoy.filters.http.router",
  ]);
});

/** Fields that the promises of docs/responses.md depend on. */
const PROMISES: readonly (readonly [string, string, Json | undefined])[] = [
  [
    "one spelling of a slash",
    `${MANAGER}/path_with_escaped_slashes_action`,
    "UNESCAPE_AND_FORWARD",
  ],
  ["fails closed", `${PROCESSOR}/failure_mode_allow`, false],
  ["120 seconds", `${PROCESSOR}/message_timeout`, "120s"],
  [
    "pieces, unanswered",
    `${PROCESSOR}/processing_mode/request_body_mode`,
    "FULL_DUPLEX_STREAMED",
  ],
  ["trailers, too", `${PROCESSOR}/processing_mode/request_trailer_mode`, "SEND"],
  ["no idle timeout", `${MANAGER}/stream_idle_timeout`, "0s"],
  ["no mode override", `${PROCESSOR}/allow_mode_override`, undefined],
];

Deno.test.each(PROMISES.map(([what, path, value]) => ({ what, path, value })))(
  "responses.yaml holds the promise: $what",
  ({ path, value }) => assert.deepEqual(valueAt(bootstrap, path), value),
);

Deno.test("responses.yaml shows the processor POST /v1/responses and its alias, and nothing else", () => {
  const shown = objectsAt(bootstrap, `${ROUTES}/*`)
    .filter((route) =>
      valueAt(route, "typed_per_filter_config/envoy.filters.http.ext_proc/disabled") !== true
    );
  assert.deepEqual(shown.map(({ name }) => name), ["responses_create", "responses_create_alias"]);
  for (const route of shown) {
    assert.equal(valueAt(route, "match/headers/0/string_match/exact"), "POST");
    // A processor that lets a request pass finds nothing behind it.
    assert.deepEqual(route.direct_response, { status: 503 });
  }
});

Deno.test("responses.yaml is base.yaml but for the gateway's parts", () => {
  const own = [
    `${MANAGER}/http_filters/`,
    `${MANAGER}/local_reply_config/`,
    `${MANAGER}/access_log/`,
    `${MANAGER}/stream_idle_timeout`,
    `${MANAGER}/path_with_escaped_slashes_action`,
    `${ROUTES}/`,
    "static_resources/clusters/1/",
    "static_resources/clusters/2",
  ];
  const others = differences(base, bootstrap).map(({ path }) => path)
    .filter((path) => !own.some((prefix) => path.startsWith(prefix)));
  assert.deepEqual(others, []);
});
