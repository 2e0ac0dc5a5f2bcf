/** Envoy's admin port for a web page, or anybody else on this machine: look, and nothing else. */
import assert from "node:assert/strict";
import { startEnvoyStack } from "../envoy/stack.ts";
import { OLDER_ENVOY } from "../testing/stack.ts";

/** Every mutation that Envoy 1.40 offers (https://www.envoyproxy.io/docs/envoy/latest/operations/admin). */
const CHANGES = [
  "/quitquitquit",
  "/drain_listeners",
  "/drain_listeners?graceful",
  "/drain_listeners?key=",
  "/drain_listeners?key=guessed",
  "/healthcheck/fail",
  "/healthcheck/ok",
  "/logging?level=trace",
  "/reset_counters",
  "/runtime_modify?a=b",
  "/cpuprofiler?enable=y",
  "/heapprofiler?enable=y",
  "/reopen_logs",
  "/stats/recentlookups/enable",
  "/ready/../quitquitquit",
  "/stats/../quitquitquit",
  "//quitquitquit",
  "/quitquitquit?/ready",
];

Deno.test("a POST of a page changes nothing at Envoy's admin port, and the harness still drains", async () => {
  await using stack = await startEnvoyStack();
  const { admin } = stack.envoy;
  for (const path of CHANGES) {
    const response = await fetch(`${admin.url}${path}`, {
      method: "POST",
      headers: { origin: "http://evil.example" },
    });
    await response.body?.cancel();
    assert.equal(response.status, 403, path);
  }
  assert.deepEqual(await admin.ready(), { live: true, state: "LIVE" });
  const served = await fetch(`${stack.url}/v1/models`);
  await served.body?.cancel();
  assert.equal(served.status, 200);
  await admin.drainListeners();
  const stats = await admin.stats("^listener_manager\\.total_listeners_draining$");
  assert.ok(stats.has("listener_manager.total_listeners_draining"));
});

Deno.test("an Envoy that cannot limit the paths of its admin starts all the same", async () => {
  await using stack = await startEnvoyStack({ version: OLDER_ENVOY });
  assert.match(stack.envoy.version, /^1\.36\./);
  assert.equal(stack.envoy.launched.text.includes("allow_paths"), false);
});
