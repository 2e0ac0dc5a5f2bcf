import assert from "node:assert/strict";
import { loadModule, moduleUrl } from "./module.ts";

Deno.test("a module of the program is loaded by its path, and is the one that an import gets", async () => {
  const loaded = await loadModule<typeof import("./clock.ts")>("service/clock.ts");
  assert.equal(loaded, await import("./clock.ts"));
});

Deno.test("in a binary the same path names the module in the folder that the build names", () => {
  const scope = globalThis as { LLMGATE_MODULES?: string };
  scope.LLMGATE_MODULES = "file:///program%20files/";
  try {
    assert.equal(moduleUrl("policy/mod.ts"), "file:///program%20files/policy/mod.js");
  } finally {
    delete scope.LLMGATE_MODULES;
  }
});
