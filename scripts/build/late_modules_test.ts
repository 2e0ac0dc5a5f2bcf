import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourceFiles } from "../check_imports.ts";
import { lateModules, lateModulesOf } from "./late_modules.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("calls with and without the types of a module are found, also over two lines, and rows", () => {
  const text = `
    const { a } = await loadModule<typeof import("../policy/mod.ts")>(
      "policy/mod.ts",
    );
    startWorker<Methods>("store/worker.ts");
    module: "cli/commands/dev.ts",
  `;
  assert.deepEqual(
    lateModulesOf("gateway/x.ts", text).map(({ path, typedAs }) => [path, typedAs]),
    [
      ["policy/mod.ts", "policy/mod.ts"],
      ["store/worker.ts", undefined],
      ["cli/commands/dev.ts", undefined],
    ],
  );
});

Deno.test("every module that is loaded late exists, and is the one that its types are of", async () => {
  const late = await lateModules(ROOT);
  assert.ok(late.length > 0);
  for (const { from, path, typedAs } of late) {
    assert.ok((await Deno.stat(join(ROOT, path))).isFile, `${from} names ${path}`);
    assert.equal(typedAs ?? path, path, from);
  }
});

Deno.test("no module is loaded late in a way that the build would not see", async () => {
  for await (const file of sourceFiles(ROOT)) {
    if (/_test\.ts$|^(scripts|tests)\//.test(file) || /^service\/(module|worker)\.ts$/.test(file)) {
      continue;
    }
    const text = (await Deno.readTextFile(join(ROOT, file))).replaceAll(/^\s*(\/\/|\*).*$/gm, "");
    // cli/load.ts takes its paths from the table.
    const calls = file === "cli/load.ts"
      ? 0
      : text.match(/\b(loadModule|startWorker)[<(]/g)?.length;
    const rows = file === "cli/table.ts" ? text.match(/^\s+name: /gm)?.length : 0;
    assert.equal(lateModulesOf(file, text).length, (calls ?? 0) + (rows ?? 0), file);
  }
});
