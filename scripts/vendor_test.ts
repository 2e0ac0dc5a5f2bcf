import assert from "node:assert/strict";
import { bundled, BUNDLES, vendored } from "./vendor.ts";

for (const bundle of BUNDLES) {
  Deno.test(`${bundle.file} is the bundle of the pinned packages (deno task vendor)`, async () => {
    assert.ok(await vendored(bundle) === await bundled(bundle), "they differ");
  });
}
