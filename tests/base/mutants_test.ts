/** The proof that the cases can fail: gateways that are broken on purpose, and correct ones. */
import assert from "node:assert/strict";
import { profileKind, PROFILES } from "../../gateway/profiles/mod.ts";
import { BASE_PROOF, renderMatrix, runSelfTest } from "../../mutants/mod.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

for (const { name: profile } of PROFILES) {
  Deno.test(`every mutant of the profile ${profile} is noticed, and every MUST of its cases can fail`, async () => {
    const matrix = await runSelfTest({
      envoyPath: await envoyPath(),
      runParents: RUN_PARENTS,
      proof: (await profileKind(profile).judge()).proof,
    });
    assert.deepEqual(matrix.problems, [], renderMatrix(matrix));
    assert.deepEqual(matrix.uncovered, []);
  });
}

Deno.test("there are mutants enough to say something", () => {
  assert.ok(BASE_PROOF.mutants.length >= 30);
});
