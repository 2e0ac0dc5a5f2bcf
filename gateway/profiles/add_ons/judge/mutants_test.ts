/** The table of the mutants of steps. */
import assert from "node:assert/strict";
import { TRANSFORM_CASES } from "../../../../conformance/mod.ts";
import { STEP_MUTANTS } from "./mutants.ts";

Deno.test("STEP_MUTANTS have unique ids, one defect each, and name cases of their feature", () => {
  assert.equal(new Set(STEP_MUTANTS.map(({ id }) => id)).size, STEP_MUTANTS.length);
  const featureOf = new Map(TRANSFORM_CASES.map(({ id, feature }) => [id, feature]));
  for (const { id, on, kills, edit, breaks } of STEP_MUTANTS) {
    assert.ok((edit === undefined) !== (breaks === undefined), `${id} is broken in one way`);
    for (const kill of kills) assert.equal(featureOf.get(kill), on, `${id} kills ${kill}`);
  }
});

Deno.test("STEP_MUTANTS hold one that is made for every MUST about steps", () => {
  const killed = new Set(STEP_MUTANTS.flatMap(({ kills }) => kills));
  const musts = TRANSFORM_CASES.filter(({ level }) => level === "must").map(({ id }) => id);
  assert.deepEqual(musts.filter((id) => !killed.has(id)), []);
});
