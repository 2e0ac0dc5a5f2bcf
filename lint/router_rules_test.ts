import assert from "node:assert/strict";
import { bundledConfig, type JsonObject, type ModelRoute, objectsAt } from "../envoy/mod.ts";
import { lintEnvoyConfig } from "./lint.ts";

const HOST =
  "static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0";
const ROUTES: ModelRoute[] = [
  { name: "chat-route", pathPrefix: "/v1/chat" },
  { name: "completion-route", pathPrefix: "/v1/completions" },
];

/** The bundled router configuration with other routes in place of the one for /v1/. */
function withRoutes(...edits: ((route: JsonObject) => JsonObject)[]): string {
  const bootstrap = structuredClone(bundledConfig("router").bootstrap);
  const [host] = objectsAt(bootstrap, HOST);
  const [healthz, v1] = objectsAt(bootstrap, `${HOST}/routes/*`);
  assert.ok(host && healthz && v1);
  host.routes = [healthz, ...edits.map((edit) => edit(structuredClone(v1)))];
  return JSON.stringify(bootstrap);
}

const named = (name: string, prefix: string) => (route: JsonObject): JsonObject => ({
  ...route,
  name,
  match: { prefix },
});

/** The router's own findings; a text that was put together has lost the marks of the file. */
const lint = async (text: string, modelRoutes?: ModelRoute[]) => {
  const { findings } = await lintEnvoyConfig(text, {
    name: "own",
    ...(modelRoutes === undefined ? {} : { modelRoutes }),
  });
  return findings.filter(({ id }) => id.startsWith("router."))
    .map(({ id, found }) => [id, found]);
};

Deno.test("one route for every model is no mismatch, nor are routes with the right names", async () => {
  assert.deepEqual(await lint(bundledConfig("router").text, ROUTES), []);
  const text = withRoutes(
    named("chat-route", "/v1/chat"),
    named("completion-route", "/v1/completions/"),
  );
  assert.deepEqual(await lint(text, ROUTES), []);
});

Deno.test("router.route-name: a path with another name than in routes.json", async () => {
  const text = withRoutes(named("chat", "/v1/chat"), named("v1", "/v1/"));
  assert.deepEqual(await lint(text, ROUTES), [
    ["router.route-name", 'route /v1/chat is named "chat", and in routes.json "chat-route"'],
  ]);
  assert.deepEqual(await lint(text), [], "without routes.json there is nothing to compare");
});

Deno.test("router.route-name: a name with another path than in routes.json", async () => {
  const text = withRoutes(named("chat-route", "/v1/chats"), named("v1", "/v1/"));
  assert.deepEqual(await lint(text, ROUTES), [
    ["router.route-name", 'route "chat-route" matches /v1/chats, and in routes.json /v1/chat'],
  ]);
});

Deno.test("router.route-unreached: a path that no route of Envoy has", async () => {
  const text = withRoutes(named("chat-route", "/v1/chat"));
  assert.deepEqual(await lint(text, ROUTES), [
    [
      "router.route-unreached",
      'no route leads /v1/completions ("completion-route" of routes.json) through ext_proc',
    ],
  ]);
});

Deno.test("router.route-unreached: a path that goes around the router", async () => {
  const around = (route: JsonObject): JsonObject => ({
    ...named("completion-route", "/v1/completions")(route),
    typed_per_filter_config: {
      "envoy.filters.http.ext_proc": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute",
        disabled: true,
      },
    },
  });
  // The first route that matches is taken.
  const text = withRoutes(named("chat-route", "/v1/chat"), around, named("v1", "/v1/"));
  assert.deepEqual((await lint(text, ROUTES)).map(([id]) => id), ["router.route-unreached"]);
});

Deno.test("a configuration without ext_proc has no model router", async () => {
  assert.deepEqual(await lint(bundledConfig("base").text, ROUTES), []);
});
