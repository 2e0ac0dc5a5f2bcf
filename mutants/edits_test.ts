import assert from "node:assert/strict";
import { bundledConfig, CHECK_CONFIGS, parseEnvoyConfig } from "../envoy/mod.ts";
import { BASE_PROOF } from "./base_proof.ts";
import { filter, removeFilter } from "./config_places.ts";

const EXTENSIONS = new URL("../envoy/configs/check/extensions.yaml", import.meta.url);

/** The configuration that a mutant of a feature edits. */
async function configOf(feature: string | undefined) {
  if (feature === undefined) return bundledConfig("base");
  if (feature !== "extensions") return bundledConfig(CHECK_CONFIGS[feature] ?? feature);
  return await parseEnvoyConfig(await Deno.readTextFile(EXTENSIONS), "extensions.yaml");
}

Deno.test("each mutant of a configuration changes it", async () => {
  for (const { id, on, edit } of BASE_PROOF.mutants) {
    if (edit === undefined) continue;
    const { bootstrap } = await configOf(on);
    const changed = structuredClone(bootstrap);
    edit(changed);
    assert.notDeepEqual(changed, bootstrap, id);
  }
});

Deno.test("a place that the configuration does not have is an error, and no other place", () => {
  const bootstrap = structuredClone(bundledConfig("base").bootstrap);
  assert.throws(() => filter(bootstrap, "nothing"), /Cannot find "envoy\.filters\.http\.nothing"/);
  assert.throws(() => removeFilter(bootstrap, "nothing"), /Cannot find/);
  assert.deepEqual(bootstrap, bundledConfig("base").bootstrap);
});
