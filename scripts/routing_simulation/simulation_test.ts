import assert from "node:assert/strict";
import { EventQueue } from "./event_queue.ts";
import { plotOf } from "./plot.ts";
import { type Outcome, playAll, type Scenario, SCENARIOS } from "./scenarios.ts";
import { simulate } from "./simulation.ts";
import { tableOf } from "./table.ts";
import { seeded, traceOf } from "./trace.ts";

/** Enough for a steady p99, and few enough for a test. */
const REQUESTS = 3_000;
const SEEDS = [1, 2, 3];

const scenario = (name: string) => SCENARIOS.find((one) => one.name === name) as Scenario;
const played = (name: string) => SEEDS.map((seed) => playAll(scenario(name), seed, REQUESTS));

/** Asserts for every seed; a seeded simulation cannot be unlucky on another machine. */
function holds(outcomes: readonly Outcome[], what: (outcome: Outcome) => boolean): void {
  for (const outcome of outcomes) assert.ok(what(outcome), `${what}: ${JSON.stringify(outcome)}`);
}

Deno.test("with skewed requests, who looks at the load has the shorter tail", () => {
  const outcomes = played("skewed requests");
  holds(outcomes, (of) => of.least_outstanding_requests.p99 <= of.round_robin.p99);
  holds(outcomes, (of) => of.least_outstanding_requests.p95 < of.round_robin.p95);
  holds(outcomes, (of) => of.power_of_two.p95 < of.random.p95);
  holds(outcomes, (of) => of.kv_aware.p95 < of.round_robin.p95);
});

Deno.test("a slow host gets less, and its queue is nobody's tail", () => {
  for (const name of ["one slow host", "four routers"]) {
    const outcomes = played(name);
    for (const logic of ["least_outstanding_requests", "power_of_two", "kv_aware"] as const) {
      holds(outcomes, (of) => of[logic].p99 < of.round_robin.p99);
      holds(outcomes, (of) => of[logic].slowest < 0.2);
    }
    holds(outcomes, (of) => Math.abs(of.round_robin.slowest - 0.25) < 0.01);
  }
});

Deno.test("conversations that find their prompts again are answered sooner", () => {
  const outcomes = played("conversations");
  for (const logic of ["prefix_aware", "session"] as const) {
    holds(outcomes, (of) => of[logic].cached > of.round_robin.cached + 0.1);
    holds(outcomes, (of) => of[logic].p50 < of.least_outstanding_requests.p50);
  }
  holds(outcomes, (of) => of.prefix_aware.p99 <= of.session.p99);
});

Deno.test("a simulation is the same each time, and another one with another seed", () => {
  const one = () => playAll(scenario("four routers"), 7, 500);
  assert.deepEqual(one(), one());
  assert.notDeepEqual(one(), playAll(scenario("four routers"), 8, 500));
});

Deno.test("simulate() queues what does not fit into a batch", () => {
  const request = { at: 0, conversation: "c", messages: ["x".repeat(1_000)], writeMs: 100 };
  const { p50, p99, cached, slowest } = simulate({
    hosts: [{ speed: 0.5, batch: 1, cacheChars: 1_000 }],
    routers: 1,
    readMsPerKilochar: 50,
    trace: [request, request],
    logic: "round_robin",
    seed: 1,
  });
  // (50 + 100) ms at half speed; the second one waits for it, and finds its prompt in the cache.
  assert.deepEqual([p50, p99, cached, slowest], [300, 500, 0.5, 1]);
});

Deno.test("EventQueue does what is due first, and first what was set first", () => {
  const queue = new EventQueue();
  const done: string[] = [];
  const random = seeded(3);
  const times = Array.from({ length: 200 }, () => Math.floor(random() * 50));
  times.forEach((at, index) => queue.at(at, () => done.push(`${at}/${index}`)));
  queue.at(10, () => queue.at(queue.now, () => done.push("late")));
  queue.run();
  const expected = times.map((at, index) => ({ at, index }))
    .sort((a, b) => a.at - b.at || a.index - b.index)
    .map(({ at, index }) => `${at}/${index}`);
  assert.deepEqual(done.filter((what) => what !== "late"), expected);
  assert.equal(queue.now, 49);
  assert.match(done[done.indexOf("late") + 1] ?? "", /^11\//);
});

Deno.test("traceOf() makes traffic of the rate and the shape that it is told", () => {
  const { traffic } = scenario("conversations");
  const trace = traceOf({ ...traffic, requests: 4_000 }, 1);
  const seconds = (trace.at(-1)?.at ?? 0) / 1_000;
  assert.ok(Math.abs(4_000 / seconds - traffic.rate) < 1, `${4_000 / seconds} per second`);
  assert.ok(trace.every(({ at }, index) => at >= (trace[index - 1]?.at ?? 0)));
  assert.ok(trace.every(({ messages }) => messages[0]?.length === traffic.systemChars));
  assert.equal(new Set(trace.map(({ messages }) => messages[0])).size, traffic.applications);
});

Deno.test("the table and the plot show every strategy", () => {
  const one = scenario("four routers");
  const shown = { scenario: one, outcome: playAll(one, 1, 300) };
  assert.match(tableOf(shown), /\| `kv_aware` +\| +\d+ \|/);
  const plot = plotOf([shown]);
  assert.equal(plot.match(/<circle /g)?.length, 7 * 3 + 3);
  assert.doesNotMatch(plot, /NaN|undefined|Infinity/);
});
