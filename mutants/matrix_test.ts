import assert from "node:assert/strict";
import { type Case, CASES } from "../conformance/mod.ts";
import { killMatrix } from "./matrix.ts";
import type { Mutant } from "./mutant.ts";
import { BASE_PROOF } from "./base_proof.ts";

const MUTANTS = BASE_PROOF.mutants;
import { renderMatrix } from "./render_matrix.ts";

function must(id: string): Case {
  return {
    id,
    level: "must",
    control: "none",
    requirement: "r",
    source: "s",
    run: () => Promise.resolve(),
  };
}

function mutant(id: string, kills: string[]): Mutant {
  return { id, defect: "d", kills, defects: {} };
}

Deno.test("MUTANTS have unique ids, a defect, and name only cases that exist", () => {
  assert.equal(
    new Set(MUTANTS.map(({ id, defects }) => `${id} ${!!defects}`)).size,
    MUTANTS.length,
  );
  const known = new Set(CASES.map(({ id }) => id));
  for (const { id, kills, edit, defects } of MUTANTS) {
    assert.ok(kills.length > 0, `${id} names no case`);
    assert.deepEqual(kills.filter((kill) => !known.has(kill)), [], id);
    assert.ok((edit === undefined) !== (defects === undefined), `${id} is broken in one way`);
  }
});

Deno.test("MUTANTS hold one that is made for every MUST, and those of a group run where it runs", () => {
  const killed = new Set(MUTANTS.flatMap(({ kills }) => kills));
  const musts = CASES.filter(({ level, slow }) => level === "must" && !slow);
  assert.deepEqual(musts.map(({ id }) => id).filter((id) => !killed.has(id)), []);
  const featureOf = new Map(CASES.map(({ id, feature }) => [id, feature]));
  for (const { id, on, kills } of MUTANTS) {
    for (const kill of kills) assert.equal(featureOf.get(kill), on, `${id} kills ${kill}`);
  }
});

Deno.test("killMatrix() takes a MUST that no mutant kills for a problem, once all have run", () => {
  const results = [{ mutant: mutant("dead", ["a.x"]), killedBy: ["a.x"], ran: ["a.x"] }];
  const run = { results, correct: [], full: false };
  const cases = [must("a.x"), must("a.y"), { ...must("a.z"), slow: true } as const];
  assert.deepEqual(killMatrix(cases, run).problems, []);
  assert.deepEqual(killMatrix(cases, { ...run, complete: true }).problems, [
    "a.y: is a MUST that no mutant made for it kills",
  ]);
});

Deno.test("killMatrix() reports a mutant that survives the case made for it", () => {
  const results = [
    { mutant: mutant("dead", ["a.x"]), killedBy: ["a.x"], ran: ["a.x", "a.y"] },
    { mutant: mutant("live", ["a.y"]), killedBy: [], ran: ["a.x", "a.y"] },
  ];
  const matrix = killMatrix([must("a.x"), must("a.y")], { results, correct: [], full: false });
  assert.deepEqual(matrix.problems, ["live: survives a.y, which is made for it"]);
  assert.deepEqual(matrix.uncovered, ["a.y"]);
  assert.match(renderMatrix(matrix), /dead dead .*\n +LIVE live .*nothing made for it/);
  assert.match(renderMatrix(matrix), /prove each:\n +a\.x +dead\n/);
});

Deno.test("killMatrix() does not count a mutant that everything notices, nor a chance kill", () => {
  const many = Array.from({ length: 16 }, (_, n) => `a.case-${n}`);
  const results = [
    { mutant: mutant("broad", ["a.case-0"]), killedBy: many, ran: many },
    { mutant: mutant("chance", ["a.case-1"]), killedBy: ["a.case-1", "a.case-2"], ran: many },
  ];
  const { uncovered } = killMatrix(many.map(must), { results, correct: [], full: false });
  assert.ok(uncovered.includes("a.case-0") && uncovered.includes("a.case-2"));
  assert.ok(!uncovered.includes("a.case-1"));
});

Deno.test("renderMatrix() names few cases that noticed by chance, and counts many by group", () => {
  const killedBy = ["a.x", "b.one", ...Array.from({ length: 15 }, (_, n) => `c.${n}`)];
  const results = [{ mutant: mutant("broad", ["a.x"]), killedBy, ran: killedBy }];
  const matrix = killMatrix([must("a.x")], { results, correct: [], full: true });
  assert.match(
    renderMatrix(matrix),
    / 17\/17 +a\.x; also b\.one, c\.\* 15; too many to prove one\n/,
  );
});

Deno.test("killMatrix() takes what a correct gateway is warned of for no kill", () => {
  const killedBy = ["a.noise", "a.x"];
  const results = [
    { mutant: mutant("dead", ["a.x"]), killedBy, ran: killedBy },
    { mutant: mutant("void", ["a.noise"]), killedBy, ran: killedBy },
  ];
  const correct = [{ name: "good", proxy: true, failed: [], warned: ["a.noise"] }];
  const matrix = killMatrix([must("a.x")], { results, correct, full: true });
  assert.deepEqual(matrix.results[0]?.killedBy, ["a.x"]);
  assert.deepEqual(matrix.problems, ["void: survives a.noise, which is made for it"]);
});

Deno.test("killMatrix() reports a correct gateway that fails, and a mutant that did not start", () => {
  const results = [{ mutant: mutant("gone", ["a.x"]), killedBy: [], ran: [], problem: "no port" }];
  const correct = [{ name: "good", proxy: true, failed: ["a.x"], warned: [] }];
  const { problems } = killMatrix([must("a.x")], { results, correct, full: false });
  assert.deepEqual(problems, [
    "gone: cannot be judged: no port",
    "good: fails a.x although it is correct",
  ]);
});
