import assert from "node:assert/strict";
import fc from "fast-check";
import { parseHosts } from "../hosts.ts";
import { HealthBoard, type HealthOptions, type Outcome } from "./health_board.ts";

const HOSTS = parseHosts("a:1,b:1,c:1");

/** A board whose clock is moved by hand. */
function open(options: Partial<HealthOptions> = {}) {
  const clock = { ms: 0 };
  const said: string[] = [];
  const board = new HealthBoard({
    now: () => clock.ms,
    random: () => 0.5,
    onChange: (endpoint, state, why) => said.push(`${endpoint} ${state}: ${why}`),
    ...options,
  });
  const report = (endpoint: string, ...outcomes: Outcome[]) =>
    outcomes.forEach((outcome) => board.report(endpoint, outcome));
  const admitted = (hosts = HOSTS) => board.admit(hosts).map(({ endpoint }) => endpoint).join(" ");
  return { board, clock, said, report, admitted };
}

Deno.test("a host that takes no connection is out at once, then returns by and by", () => {
  const { board, clock, said, report, admitted } = open();
  assert.equal(admitted(), "a:1 b:1 c:1");
  report("a:1", "unreachable");
  assert.equal(admitted(), "b:1 c:1");
  assert.deepEqual(said, ["a:1 ejected: takes no connection: out for 5 s"]);
  clock.ms = 4_999;
  assert.equal(board.state("a:1"), "ejected");
  clock.ms = 5_000;
  assert.equal(board.state("a:1"), "returning");
  assert.equal(board.share("a:1"), 0.1);
  assert.equal(admitted(), "b:1 c:1", "drawn at 0.5, its share is 0.1");
  clock.ms = 11_000;
  assert.equal(board.share("a:1"), 0.6);
  assert.equal(admitted(), "a:1 b:1 c:1");
  clock.ms = 15_000;
  assert.deepEqual([board.state("a:1"), board.share("a:1")], ["healthy", 1]);
});

Deno.test("three failures in a row eject, an answer between them starts anew", () => {
  const { board, report } = open();
  report("a:1", "error", "broken", "answered", "error", "broken");
  assert.equal(board.state("a:1"), "healthy");
  report("a:1", "error");
  assert.equal(board.state("a:1"), "ejected");
});

Deno.test("each ejection of a host that did not recover is twice as long, up to a bound", () => {
  const { board, clock, report, said } = open({ maxEjectMs: 12_000 });
  report("a:1", "error", "error", "error");
  clock.ms = 5_000;
  report("a:1", "error");
  clock.ms = 15_000;
  assert.equal(board.state("a:1"), "returning");
  report("a:1", "broken");
  assert.deepEqual(said.map((line) => line.split("out for ")[1]), ["5 s", "10 s", "12 s"]);
  // Healthy again, its past is forgotten.
  clock.ms = 15_000 + 12_000 + 10_000;
  report("a:1", "answered", "unreachable");
  assert.match(said.at(-1) ?? "", /out for 5 s/);
});

Deno.test("what fails during an ejection says nothing new, unless it is worse", () => {
  const { clock, said, report } = open();
  report("a:1", "error", "error", "error", "error", "broken");
  assert.equal(said.length, 1);
  clock.ms = 100;
  report("a:1", "unreachable", "unreachable");
  assert.equal(said.length, 2);
});

Deno.test("failed requests never take out more than half of the hosts", () => {
  const { report, admitted, clock } = open();
  const failed: Outcome[] = ["error", "error", "error"];
  report("b:1", ...failed);
  clock.ms = 1;
  report("c:1", ...failed);
  assert.equal(admitted(), "a:1 b:1", "b was ejected first, and is the first to stay");
  clock.ms = 2;
  report("a:1", ...failed);
  assert.equal(admitted(), "b:1 c:1");
  assert.equal(admitted(HOSTS.slice(0, 1)), "a:1", "one host alone is never out for that");
});

Deno.test("hosts that cannot be reached may all be out", () => {
  const { board, report, admitted } = open();
  for (const { endpoint } of HOSTS.slice(0, 2)) report(endpoint, "unreachable");
  assert.equal(admitted(), "c:1");
  for (let i = 0; i < 2; i++) board.probed("c:1", false);
  assert.equal(admitted(), "");
});

Deno.test("two failed probes take a host down, the first good one lets it return", () => {
  const { board, clock, said, admitted } = open();
  board.probed("a:1", false, "refused");
  assert.equal(board.state("a:1"), "healthy");
  board.probed("a:1", true);
  board.probed("a:1", false, "refused");
  board.probed("a:1", false, "refused");
  board.probed("a:1", false, "refused");
  assert.equal(admitted(), "b:1 c:1");
  clock.ms = 100_000;
  assert.equal(board.state("a:1"), "down");
  board.probed("a:1", true);
  assert.equal(board.state("a:1"), "returning");
  clock.ms += 10_000;
  assert.equal(board.state("a:1"), "healthy");
  assert.deepEqual(said, [
    "a:1 down: does not answer its probe: refused",
    "a:1 returning: answers its probe again",
  ]);
});

Deno.test("a good probe ends the ejection of a host that took no connection, and of no other", () => {
  const { board, report } = open();
  report("a:1", "unreachable");
  report("b:1", "error", "error", "error");
  for (const endpoint of ["a:1", "b:1"]) board.probed(endpoint, true);
  assert.equal(board.state("a:1"), "returning");
  assert.equal(board.state("b:1"), "ejected");
});

Deno.test("when all hosts return, chance leaves none out", () => {
  const { report, admitted, clock } = open({ random: () => 0.99 });
  for (const { endpoint } of HOSTS) report(endpoint, "unreachable");
  clock.ms = 6_000;
  assert.equal(admitted(), "a:1 b:1 c:1");
});

Deno.test("a host that discovery lost is forgotten", () => {
  const { board, report } = open();
  report("a:1", "unreachable");
  report("b:1", "unreachable");
  board.retain(new Set(["b:1"]));
  assert.equal(board.state("a:1"), "healthy");
  assert.equal(board.state("b:1"), "ejected");
});

Deno.test("a host that asks not to be asked rests for as long, and no longer than a minute", () => {
  const { board, clock } = open();
  board.rest("a:1", 7_000);
  board.rest("a:1", 2_000);
  assert.equal(board.state("a:1"), "resting");
  assert.ok(board.admit(HOSTS).every(({ endpoint }) => endpoint !== "a:1"));
  clock.ms += 6_999;
  assert.equal(board.state("a:1"), "resting");
  clock.ms += 1;
  assert.equal(board.state("a:1"), "healthy");
  board.rest("a:1", 86_400_000);
  clock.ms += 60_000;
  assert.equal(board.state("a:1"), "healthy");
});

Deno.test("an engine that sleeps is asked when nobody else is there", () => {
  const { board } = open();
  board.slept("a:1", true);
  assert.equal(board.state("a:1"), "sleeping");
  assert.ok(board.admit(HOSTS).every(({ endpoint }) => endpoint !== "a:1"));
  assert.deepEqual(board.admit(HOSTS.filter(({ endpoint }) => endpoint === "a:1")), []);
  board.slept("a:1", false);
  assert.equal(board.state("a:1"), "healthy");
});

Deno.test("a session moves back to a host that returns once, and stays", () => {
  const { board, clock } = open();
  board.report("a:1", "unreachable");
  clock.ms += 5_000;
  const draw = (endpoint: string) => endpoint === "a:1" ? 0.6 : 0;
  const there: boolean[] = [];
  for (let ms = 0; ms <= 10_000; ms += 1_000, clock.ms += 1_000) {
    there.push(board.admit(HOSTS, draw).some(({ endpoint }) => endpoint === "a:1"));
  }
  assert.deepEqual(there.toSorted(), there);
  assert.deepEqual([there[0], there.at(-1)], [false, true]);
});

Deno.test("whatever happens, failed requests leave half of the hosts, and somebody is admitted", () => {
  const hosts = parseHosts("a:1,b:1,c:1,d:1,e:1");
  const outcome = fc.constantFrom<Outcome>("answered", "error", "broken", "unreachable");
  const event = fc.record({
    host: fc.nat({ max: hosts.length - 1 }),
    what: fc.oneof(outcome, fc.boolean()),
    ms: fc.nat({ max: 8_000 }),
  });
  fc.assert(fc.property(
    fc.array(event, { maxLength: 200 }),
    fc.integer({ min: 0, max: 0xffffffff }),
    (events, seed) => {
      let state = seed;
      const random = () => (state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0) / 2 ** 32;
      const { board, clock } = open({ random });
      /** Hosts that a fact took out: a refused connection, or failed probes. */
      const facts = new Set<string>();
      for (const { host, what, ms } of events) {
        const { endpoint = "" } = hosts[host] ?? {};
        clock.ms += ms;
        if (typeof what === "boolean") board.probed(endpoint, what, "no answer");
        else board.report(endpoint, what);
        if (what === "unreachable" || board.state(endpoint) === "down") facts.add(endpoint);
        else if (board.state(endpoint) === "healthy") facts.delete(endpoint);
        const admitted = board.admit(hosts);
        const out = hosts.filter(({ endpoint }) =>
          ["ejected", "down"].includes(board.state(endpoint))
        );
        const suspected = out.filter(({ endpoint }) => !facts.has(endpoint));
        const refused = suspected.filter((one) => !admitted.includes(one));
        assert.ok(refused.length <= hosts.length / 2, `${refused.length} of ${hosts.length}`);
        if (out.length < hosts.length) assert.ok(admitted.length > 0);
        assert.ok(admitted.every((one) => hosts.includes(one)));
        for (const { endpoint } of hosts) {
          const share = board.share(endpoint);
          assert.ok(share >= 0 && share <= 1);
        }
      }
    },
  ));
});
