import assert from "node:assert/strict";
import { adoptEnvoyConfig, readEnvoyConfig } from "../../envoy/mod.ts";
import { lintEnvoyConfig } from "../../lint/mod.ts";
import { deny, startEnvoyStack } from "./stack.ts";

const FOREIGN = new URL("./testdata/foreign.yaml", import.meta.url).pathname;

Deno.test("somebody else's configuration runs between our policy and our upstream", async () => {
  const { file, listener, policyCluster, upstreamCluster } = adoptEnvoyConfig(
    await readEnvoyConfig(FOREIGN),
  );
  await using stack = await startEnvoyStack({
    config: file,
    names: { listener, policy: policyCluster ?? "", upstream: upstreamCluster },
  });
  const response = await fetch(`${stack.url}/v1/models`, { headers: { "x-tenant": "evil" } });
  assert.deepEqual([response.status, await response.json()], [200, { ok: true }]);
  assert.equal(stack.checks.length, 1);
  // Its faults are left in, for the suite to find: this one takes a client's word for policy's.
  assert.equal(stack.forwarded[0]?.headers.get("x-tenant"), "evil");
  stack.policy = deny(403, "no");
  const denied = await fetch(`${stack.url}/v1/models`);
  assert.deepEqual([denied.status, await denied.text()], [403, "no"]);
  // Its access log is Envoy's default text on standard output, and is evidence all the same.
  const entry = await stack.log.waitFor(({ flags }) => flags === "UAEX");
  assert.equal(entry.requestId.length, 36);
});

Deno.test("the faults of somebody else's configuration are named", async () => {
  const { text } = await readEnvoyConfig(FOREIGN);
  const { findings } = await lintEnvoyConfig(text, { name: "foreign.yaml" });
  const errors = findings.filter(({ severity }) => severity === "error").map(({ id }) => id);
  assert.deepEqual(errors, [
    "stream.route-timeout",
    "stream.idle-timeout",
    "stream.retry",
    "policy.fail-open",
    "policy.body-buffered",
    "policy.tls-unchecked",
    "edge.admin-exposed",
    "edge.trusted-names",
    "edge.auth-failure-header",
    "edge.underscores",
    "edge.path-normalization",
    "edge.merge-slashes",
    "edge.escaped-slashes",
    "edge.remote-address",
    "edge.secrets-logged",
  ]);
});
