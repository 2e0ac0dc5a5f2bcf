/** Every fault of the policy stub through a real Envoy: what docs/policy.md says of it. */
import assert from "node:assert/strict";
import { loadScripts } from "../../policy/mod.ts";
import { chat, startTestGateway } from "../testing/stack.ts";

/** Faults after which Envoy lets the request through: they are whole allowances. */
const ALLOWED = ["empty", "oversized", "unset_append_action"];

Deno.test("a policy engine at fault refuses the request, whatever the fault", async () => {
  await using gateway = await startTestGateway({ scriptSecret: "of this run" });
  const { policy } = gateway;
  assert.ok(policy);
  const { FAULT_NAMES } = await loadScripts();
  for (const fault of FAULT_NAMES) {
    const nonce = `fault-${fault.replaceAll("_", "-")}`;
    policy.scripts.set(nonce, [{ fault }]);
    const signed = policy.signNonce(nonce) ?? "";
    const response = await chat(gateway, { headers: { "x-harness-case": signed } });
    const body = await response.json();
    assert.equal(response.status, ALLOWED.includes(fault) ? 200 : 503, fault);
    if (response.status === 503) assert.equal(body.error.code, "policy_unavailable", fault);
  }
  // And nothing lasts: the next request is decided as ever.
  const healthy = await chat(gateway);
  await healthy.text();
  assert.equal(healthy.status, 200);
});

Deno.test("an oversized reply of exactly HTTP/2's first window is understood", async () => {
  await using gateway = await startTestGateway({ scriptSecret: "of this run" });
  gateway.policy?.scripts.set("fault-65535", [{ fault: "oversized", bytes: 65_535 }]);
  const signed = gateway.policy?.signNonce("fault-65535") ?? "";
  const response = await chat(gateway, { headers: { "x-harness-case": signed } });
  await response.text();
  assert.equal(response.status, 200);
});
