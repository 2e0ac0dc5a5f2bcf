import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sourceFiles } from "../check_imports.ts";
import { WORKER_MODULES } from "./workers.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("a binary carries every module that is started as a worker, and no other", async () => {
  const started = new Set<string>();
  for await (const file of sourceFiles(ROOT)) {
    if (file.endsWith("_test.ts")) continue;
    const text = await Deno.readTextFile(join(ROOT, file));
    for (const [, module] of text.matchAll(/\bstartWorker(?:<\w+>)?\(\s*"([^"]+)"/g)) {
      if (module !== undefined) started.add(module);
    }
  }
  assert.deepEqual([...started].toSorted(), WORKER_MODULES.toSorted());
});
