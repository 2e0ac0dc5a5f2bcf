import assert from "node:assert/strict";
import { type BackendHost, parseHosts } from "../hosts.ts";
import { type EngineLoad, placeOf, strategyOf } from "./strategies.ts";

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

Deno.test("power_of_two takes the less busy of two different hosts", () => {
  const busy: Record<string, number> = { "a:1": 2, "b:1": 1, "c:1": 0 };
  const situation = { ...idle, outstanding: (endpoint: string) => busy[endpoint] ?? 0 };
  const pick = (numbers: number[]) =>
    strategyOf("power_of_two", () => numbers.shift() ?? 0)(HOSTS, situation).endpoint;
  assert.equal(pick([0, 0]), "b:1", "a against b");
  assert.equal(pick([0, 0.99]), "c:1", "a against c");
  assert.equal(pick([0.99, 0.99]), "c:1", "c against b");
  const [only] = HOSTS;
  assert.equal(strategyOf("power_of_two", () => 0.5)(HOSTS.slice(0, 1), idle), only);
});

const turn = (content: string) => ({ role: "user", content });
const chat = (...contents: string[]) => ({ members: { messages: contents.map(turn) } });
const LONG = "x".repeat(600);

Deno.test("prefix_aware follows the longest beginning, and spreads what nobody saw", () => {
  const pick = strategyOf("prefix_aware");
  const send = (...contents: string[]) => pick(HOSTS, { ...idle, ...chat(...contents) }).endpoint;
  const first = send(`system A ${LONG}`, "one");
  const second = send(`system B ${LONG}`, "one");
  assert.notEqual(first, second);
  for (const question of ["two", LONG]) {
    assert.equal(send(`system A ${LONG}`, question), first);
    assert.equal(send(`system B ${LONG}`, question), second);
  }
  // A conversation that went elsewhere is followed there, longer than the common beginning.
  const other = HOSTS.find(({ endpoint }) => endpoint !== first && endpoint !== second);
  pick([other as BackendHost], { ...idle, ...chat(`system A ${LONG}`, `aside ${LONG}`) });
  assert.equal(send(`system A ${LONG}`, `aside ${LONG}`, "and?"), other?.endpoint);
});

Deno.test("prefix_aware spreads the prompts that share a beginning alone over idle hosts", () => {
  const pick = strategyOf("prefix_aware");
  const sent = new Map<string, number>();
  for (let i = 0; i < 18; i++) {
    const { endpoint } = pick(HOSTS, { ...idle, ...chat(`system ${LONG}`, `question ${i}`) });
    sent.set(endpoint, (sent.get(endpoint) ?? 0) + 1);
  }
  assert.deepEqual([...sent.values()].toSorted(), [5, 5, 8]);
});

Deno.test("session names the hosts in the order in which its sessions move to them", () => {
  const strategy = strategyOf("session");
  for (let i = 0; i < 20; i++) {
    const situation = { ...idle, session: `s${i}` };
    const [first, ...others] = strategy.order?.(HOSTS, situation) ?? [];
    assert.equal(strategy(HOSTS, situation), first);
    assert.equal(strategy(others, situation), others[0]);
  }
  assert.equal(strategy.order?.(HOSTS, idle), undefined);
});

Deno.test("placeOf() spreads sessions evenly, and gives each the same place again", () => {
  const places = Array.from({ length: 400 }, (_, i) => placeOf("a:1", `s${i}`));
  assert.equal(placeOf("a:1", "s7"), places[7]);
  const low = places.filter((place) => place < 0.5).length;
  assert.ok(low > 150 && low < 250 && places.every((place) => place >= 0 && place < 1));
});

Deno.test("prefix_aware leaves a host that has fallen behind, and one that is gone", () => {
  const pick = strategyOf("prefix_aware");
  const request = { ...idle, ...chat(LONG) };
  const warm = pick(HOSTS, request).endpoint;
  const busy = (count: number) => ({
    ...request,
    outstanding: (endpoint: string) => endpoint === warm ? count : 0,
  });
  assert.equal(pick(HOSTS, busy(4)).endpoint, warm);
  assert.notEqual(pick(HOSTS, busy(5)).endpoint, warm);
  const left = HOSTS.filter(({ endpoint }) => endpoint !== warm);
  assert.notEqual(pick(left, request).endpoint, warm);
});

Deno.test("kv_aware takes the engine with the fewest requests, and a full cache last", () => {
  const pick = strategyOf("kv_aware");
  const quiet: EngineLoad = { waiting: 0, running: 0, kvCacheUsage: 0.1, sentSince: 0 };
  const with3 = (a: Partial<EngineLoad>, b: Partial<EngineLoad>, c?: Partial<EngineLoad>) =>
    pick(HOSTS, {
      ...idle,
      outstanding: () => 3,
      engine: (endpoint) => {
        const own = { "a:1": a, "b:1": b, "c:1": c }[endpoint];
        return own && { ...quiet, ...own };
      },
    }).endpoint;
  assert.equal(with3({ running: 4 }, { waiting: 2, running: 1 }, { waiting: 9 }), "b:1");
  assert.equal(with3({ sentSince: 2 }, { running: 1 }, { running: 2 }), "b:1");
  assert.equal(with3({ kvCacheUsage: 0.95 }, { running: 8 }, { running: 9 }), "b:1");
  assert.equal(with3({ running: 4 }, { running: 5 }), "c:1", "no numbers: what we sent it");
  const full = { kvCacheUsage: 1 };
  assert.equal(
    with3({ ...full, running: 2 }, { ...full, running: 1 }, { ...full, waiting: 3 }),
    "b:1",
  );
});
