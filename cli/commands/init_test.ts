import assert from "node:assert/strict";
import { dirname, join, normalize } from "node:path";
import { readScenarios } from "../../upstream/mod.ts";
import { main } from "../main.ts";
import { fakeHost } from "../testing.ts";

Deno.test("init writes files that can be used, each with a schema that is where its first line says", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-init-" });
  try {
    const own = join(folder, "own");
    const host = fakeHost();
    assert.equal(await main(["init", own], host), 0, host.err());
    for (const name of ["rules.yaml", "limits.yaml", "scenarios/hello.yaml"]) {
      const text = await Deno.readTextFile(join(own, name));
      const path = /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1] ?? "";
      const schema = await Deno.readTextFile(normalize(join(own, dirname(name), path)));
      assert.match(JSON.parse(schema).$schema, /json-schema\.org/);
    }
    assert.equal((await readScenarios(join(own, "scenarios"))).length, 2);
    const again = fakeHost();
    assert.equal(await main(["init", own], again), 2);
    assert.match(again.err(), /rules\.yaml": it is there already: use --force/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
