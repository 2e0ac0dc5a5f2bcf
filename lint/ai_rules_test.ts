import assert from "node:assert/strict";
import { bundledConfig, deleteAt, type Json, setAt } from "../envoy/mod.ts";
import { AI_RULES } from "./ai_rules.ts";
import { lintEnvoyConfig } from "./lint.ts";

const CHAIN = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters";
const GONE = "(gone)";
const TYPE = "type.googleapis.com/envoy.extensions.filters.http";

const BY_METADATA: Json = {
  name: "envoy.filters.http.json_to_metadata",
  typed_config: {
    "@type": `${TYPE}.json_to_metadata.v3.JsonToMetadata`,
    request_rules: {
      rules: [{
        selectors: [{ key: "model" }],
        on_present: { metadata_namespace: "llm", key: "model" },
      }],
    },
  },
};

const routerWith = (identity: { [key: string]: Json }): Json => ({
  name: "envoy.filters.http.mcp_router",
  typed_config: {
    "@type": `${TYPE}.mcp_router.v3.McpRouter`,
    servers: [{ name: "one", mcp_cluster: { cluster: "upstream", path: "/mcp" } }],
    ...identity,
  },
});
const CLIENT = { identity: { header: { name: "x-tenant" } } };

/** Edits of the check-only configurations that break each rule. */
const BREAKS: readonly (readonly [string, string, string, Json])[] = [
  ["mcp.duplicate-keys", "mcp", `${CHAIN}/0/typed_config/reject_duplicate_keys`, GONE],
  ["mcp.duplicate-keys", "mcp", `${CHAIN}/0/typed_config/reject_duplicate_keys`, false],
  ["mcp.pass-through", "mcp", `${CHAIN}/0/typed_config/traffic_mode`, GONE],
  ["mcp.pass-through", "mcp", `${CHAIN}/0/typed_config/traffic_mode`, "NOOP"],
  ["mcp.session-unbound", "mcp", `${CHAIN}/2`, routerWith({})],
  ["mcp.session-unbound", "mcp", `${CHAIN}/2`, routerWith({ session_identity: CLIENT })],
  ["model.by-metadata", "model", `${CHAIN}/0`, BY_METADATA],
  ["model.body-rewritten", "model", `${CHAIN}/0/typed_config/request_handling`, GONE],
];

async function found(bootstrap: unknown): Promise<string[]> {
  const { findings } = await lintEnvoyConfig(JSON.stringify(bootstrap), { name: "own" });
  const ids = new Set(AI_RULES.map(({ id }) => id));
  return [...new Set(findings.map(({ id }) => id))].filter((id) => ids.has(id));
}

for (const [id, config, path, value] of BREAKS) {
  Deno.test(`lintEnvoyConfig() finds ${id} at ${path} as ${JSON.stringify(value)}`, async () => {
    const bootstrap = structuredClone(bundledConfig(`check/${config}`).bootstrap);
    if (value === GONE) deleteAt(bootstrap, path);
    else setAt(bootstrap, path, value);
    assert.deepEqual(await found(bootstrap), [id]);
  });
}

Deno.test("lintEnvoyConfig() has nothing against sessions that belong to a client", async () => {
  const bootstrap = structuredClone(bundledConfig("check/mcp").bootstrap);
  const bound = { session_identity: { ...CLIENT, validation: { mode: "ENFORCE" } } };
  setAt(bootstrap, `${CHAIN}/2`, routerWith(bound));
  assert.deepEqual(await found(bootstrap), []);
});

for (const config of ["mcp", "model"]) {
  Deno.test(`lintEnvoyConfig() finds ${config}.after-authz where policy comes first`, async () => {
    // deno-lint-ignore no-explicit-any -- a bundled file, edited at known places
    const bootstrap: any = structuredClone(bundledConfig(`check/${config}`).bootstrap);
    const manager =
      bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
    const { http_filters: chain } = manager;
    const at = chain.findIndex(({ name }: { name: string }) => name.endsWith(".ext_authz"));
    chain.unshift(...chain.splice(at, 1));
    assert.deepEqual(await found(bootstrap), [`${config}.after-authz`]);
  });
}

Deno.test("the bundled configurations have none of it", async () => {
  for (const name of ["base", "edge", "check/mcp", "check/model"]) {
    assert.deepEqual(await found(bundledConfig(name).bootstrap), [], name);
  }
});

Deno.test("every rule about models and tools has an edit that breaks it", () => {
  const broken = new Set([...BREAKS.map(([id]) => id), "mcp.after-authz", "model.after-authz"]);
  assert.deepEqual(AI_RULES.map(({ id }) => id).filter((id) => !broken.has(id)), []);
});
