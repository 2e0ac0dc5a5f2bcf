import assert from "node:assert/strict";
import { bundledConfig, type Json, setAt } from "../envoy/mod.ts";
import { CREDENTIAL_RULES } from "./credential_rules.ts";
import { lintEnvoyConfig } from "./lint.ts";

const MANAGER = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const TABLE = `${MANAGER}/route_config`;
const ROUTE = `${TABLE}/virtual_hosts/0/routes/1`;
const HTTP = "type.googleapis.com/envoy.extensions.filters.http";

const header = (key: string, value: string): Json => ({
  header: { key, value },
  append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
});

const mutation = (mutations: Json): Json => ({
  name: "own",
  typed_config: { "@type": `${HTTP}.header_mutation.v3.HeaderMutation`, mutations },
});

/** A header mutation filter that sets one header of requests. */
const sets = (key: string, value: string): Json =>
  mutation({ request_mutations: [{ append: header(key, value) }] });

/** Edits of the bundled base configuration: what breaks each rule, and what looks like it and does not. */
const EDITS: readonly (readonly [ids: readonly string[], path: string, value: Json])[] = [
  ...[TABLE, `${TABLE}/virtual_hosts/0`, ROUTE].map((
    level,
  ): [string[], string, Json] => [
    ["edge.credential-echoed"],
    `${level}/response_headers_to_add`,
    [header("x-debug", "%REQ(Authorization)%")],
  ]),
  [["edge.credential-echoed"], `${MANAGER}/local_reply_config/mappers/0/body_format_override`, {
    json_format: { error: { key: "%REQUEST_HEADER(X-API-KEY)%" } },
  }],
  [
    ["edge.credential-echoed"],
    `${MANAGER}/http_filters/0`,
    mutation({ response_mutations: [{ append: header("x-query", "%QUERY_PARAM(key)%") }] }),
  ],
  [[], `${ROUTE}/response_headers_to_add`, [header("x-path", "%PATH(NQ:PATH)%")]],
  [[], `${ROUTE}/request_headers_to_add`, [header("x-key", "%REQ(Authorization)%")]],
  [["policy.credential-supplied"], `${MANAGER}/http_filters/0`, sets("authorization", "Bearer a")],
  [
    ["policy.credential-supplied"],
    `${MANAGER}/http_filters/0`,
    sets("api-key", "%ENVIRONMENT(K)%"),
  ],
  [["policy.credential-supplied"], `${MANAGER}/http_filters/0`, {
    name: "injector",
    typed_config: {
      "@type": `${HTTP}.credential_injector.v3.CredentialInjector`,
      credential: {
        name: "generic",
        typed_config: {
          "@type":
            "type.googleapis.com/envoy.extensions.http.injected_credentials.generic.v3.Generic",
          credential: { name: "key" },
        },
      },
    },
  }],
  [[], `${MANAGER}/http_filters/0`, sets("authorization", "Bearer %REQ(x-api-key)%")],
  [[], `${MANAGER}/http_filters/0`, sets("x-region", "eu")],
  // Behind policy a key is the upstream's.
  [[], `${MANAGER}/http_filters/2`, sets("authorization", "Bearer a")],
];

const OWN = new Set(CREDENTIAL_RULES.map(({ id }) => id));

/** A filter without mutations of its own, and those of a route. */
const ON_A_ROUTE: readonly (readonly [string, Json])[] = [
  ["edge.credential-echoed", {
    response_mutations: [{ append: header("x-debug", "%REQ(Authorization)%") }],
  }],
  ["policy.credential-supplied", {
    request_mutations: [{ append: header("authorization", "Bearer a") }],
  }],
];

for (const [id, mutations] of ON_A_ROUTE) {
  for (const level of [TABLE, `${TABLE}/virtual_hosts/0`, ROUTE]) {
    Deno.test(`lintEnvoyConfig() finds ${id} in mutations at ${level}`, async () => {
      const bootstrap = structuredClone(bundledConfig("base").bootstrap);
      setAt(bootstrap, `${MANAGER}/http_filters/0`, mutation({}));
      setAt(bootstrap, `${level}/typed_per_filter_config`, {
        own: { "@type": `${HTTP}.header_mutation.v3.HeaderMutationPerRoute`, mutations },
      });
      const { findings } = await lintEnvoyConfig(JSON.stringify(bootstrap), { name: "own" });
      const own = findings.filter((finding) => finding.id === id);
      assert.equal(own.length, 1);
      assert.ok(own[0]?.path.startsWith(`${level}/typed_per_filter_config/own/mutations/`));
    });
  }
}

EDITS.forEach(([ids, path, value], index) => {
  Deno.test(`lintEnvoyConfig() finds ${ids.join() || "nothing"} in credential edit ${index}`, async () => {
    const bootstrap = structuredClone(bundledConfig("base").bootstrap);
    setAt(bootstrap, path, value);
    const { findings } = await lintEnvoyConfig(JSON.stringify(bootstrap), { name: "own" });
    assert.deepEqual(findings.map(({ id }) => id).filter((id) => OWN.has(id)), ids);
  });
});

Deno.test("every rule about credentials has an edit that breaks it", () => {
  const broken = new Set(EDITS.flatMap(([ids]) => ids));
  assert.deepEqual([...OWN].filter((id) => !broken.has(id)), []);
});
