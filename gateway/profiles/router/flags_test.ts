import assert from "node:assert/strict";
import { UsageError } from "../../../service/mod.ts";
import { ROUTING_LOGICS, SERVICE_DISCOVERIES } from "../../../router/mod.ts";
import { DISCOVERY_CHOICES, healthOf, LOGIC_CHOICES } from "./flags.ts";

const FLAGS = { probeInterval: 5, probePath: "/health", engineStatsInterval: 1 };

Deno.test("healthOf() probes by the flags, and reads engines where that is looked at", () => {
  assert.deepEqual(healthOf({ ...FLAGS, logic: "round_robin" }), {
    probeMs: 5_000,
    probePath: "/health",
  });
  assert.deepEqual(healthOf({ ...FLAGS, probeInterval: 0, logic: "kv_aware" }), {
    engineStatsMs: 1_000,
  });
});

Deno.test("healthOf() refuses what is no path", () => {
  for (const probePath of ["health", "http://a/health", "/a b", "/a?b"]) {
    assert.throws(() => healthOf({ ...FLAGS, probePath }), UsageError, probePath);
  }
});

Deno.test("the flags offer what the router can do", () => {
  assert.deepEqual([...LOGIC_CHOICES], [...ROUTING_LOGICS]);
  assert.deepEqual([...DISCOVERY_CHOICES], [...SERVICE_DISCOVERIES]);
});
