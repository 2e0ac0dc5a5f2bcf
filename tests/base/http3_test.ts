/** HTTP/3 through a real Envoy, beyond the cases of the suite: what a first look at a gateway finds. */
import assert from "node:assert/strict";
import { probeTarget } from "../../conformance/mod.ts";
import { startCheckVariant } from "../../targets/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

Deno.test("a gateway with TLS is asked over HTTP/3 too, and what it speaks is found", async () => {
  const options = { envoyPath: await envoyPath(), runParents: RUN_PARENTS };
  await using target = await startCheckVariant("tls", options);
  const { protocols, control } = await probeTarget({ ...target, protocols: ["h1"] });
  assert.deepEqual(protocols, ["h1", "h2c", "h3"]);
  assert.equal(control, "both");
});

Deno.test("a gateway without TLS is not asked over HTTP/3", async () => {
  const options = { envoyPath: await envoyPath(), runParents: RUN_PARENTS };
  await using target = await startCheckVariant("body", options);
  const { protocols } = await probeTarget({ ...target, protocols: ["h1"] });
  assert.deepEqual(protocols, ["h1", "h2c"]);
});
