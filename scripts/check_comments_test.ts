import assert from "node:assert/strict";
import { breachesOf } from "./check_comments.ts";

const lines = (text: string, file = "room/a.ts") => breachesOf(file, text).map(({ line }) => line);

Deno.test("a file opens with a comment, tests apart", () => {
  assert.deepEqual(lines(`import { a } from "./b.ts";\n`), [1]);
  assert.deepEqual(lines(`import { a } from "./b.ts";\n`, "room/a_test.ts"), []);
  assert.deepEqual(lines(`/** Reads rules. */\nimport { a } from "./b.ts";\n`), []);
  assert.deepEqual(
    lines(`// deno-lint-ignore-file no-console -- a program\n/** Reads rules. */\n`),
    [],
  );
});

Deno.test("a doc comment that begins with What, Who, Takes or Gives is found, whatever its form", () => {
  const head = "/** Reads rules. */\n";
  assert.deepEqual(lines(`${head}/** What is read. */\nlet a;\n`), [2]);
  assert.deepEqual(lines(`${head}class A {\n  /**\n   * Takes a rule.\n   */\n  b() {}\n}\n`), [4]);
  assert.deepEqual(lines(`${head}/** Whatever is read. */\nlet a; // What else\n`), []);
});
