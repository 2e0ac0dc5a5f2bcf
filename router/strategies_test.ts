import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { type BackendHost, parseHosts } from "./hosts.ts";
import { strategyOf } from "./strategies.ts";

const HOSTS = parseHosts("a:1,b:1,c:1");
const idle = { outstanding: () => 0, members: {}, group: "m" };
const endpoints = (hosts: readonly BackendHost[]) => hosts.map(({ endpoint }) => endpoint);

Deno.test("round_robin goes round, for each model by itself", () => {
  const pick = strategyOf("round_robin");
  assert.deepEqual(endpoints([1, 2, 3, 4].map(() => pick(HOSTS, idle))), [
    "a:1",
    "b:1",
    "c:1",
    "a:1",
  ]);
  assert.equal(pick(HOSTS, { ...idle, group: "n" }).endpoint, "a:1");
});

Deno.test("random reaches the first and the last host", () => {
  for (const [number, endpoint] of [[0, "a:1"], [0.5, "b:1"], [0.9999, "c:1"]] as const) {
    assert.equal(strategyOf("random", () => number)(HOSTS, idle).endpoint, endpoint);
  }
});

Deno.test("least_outstanding_requests takes the least busy, equals in turn", () => {
  const pick = strategyOf("least_outstanding_requests");
  const busy: Record<string, number> = { "a:1": 2, "b:1": 1, "c:1": 1 };
  const situation = { ...idle, outstanding: (endpoint: string) => busy[endpoint] ?? 0 };
  const picked = [1, 2, 3, 4].map(() => pick(HOSTS, situation));
  assert.deepEqual(endpoints(picked), ["b:1", "c:1", "b:1", "c:1"]);
});

Deno.test("session sticks, and only the sessions of a host that went move", () => {
  const pick = strategyOf("session");
  const sessions = Array.from({ length: 60 }, (_, i) => `session-${i}`);
  const before = sessions.map((session) => pick(HOSTS, { ...idle, session }).endpoint);
  assert.deepEqual([...new Set(before)].sort(), ["a:1", "b:1", "c:1"]);
  const left = HOSTS.slice(0, 2);
  for (const [index, session] of sessions.entries()) {
    const after = pick(left, { ...idle, session }).endpoint;
    if (before[index] !== "c:1") assert.equal(after, before[index]);
  }
  assert.deepEqual(endpoints([1, 2].map(() => pick(HOSTS, idle))), ["a:1", "b:1"]);
});

Deno.test("parseHosts() reads hosts and their models", () => {
  const [first, second] = parseHosts("[::1]:8000, backend.test:8001", "m|n,*");
  assert.deepEqual([first?.host, first?.port, first?.endpoint], ["::1", 8000, "[::1]:8000"]);
  assert.deepEqual([...first?.models ?? []], ["m", "n"]);
  assert.equal(second?.models, undefined);
});

Deno.test("parseHosts() refuses what is no list of hosts", () => {
  for (
    const [hosts, models] of [
      ["a", undefined],
      ["a:0", undefined],
      ["a:70000", undefined],
      ["http://a:1", undefined],
      ["a:1,a:1", undefined],
      ["a:1,", undefined],
      ["a:1,b:1", "m"],
      ["a:1", "m|"],
    ] as const
  ) {
    assert.throws(() => parseHosts(hosts, models), UsageError, hosts);
  }
});
