import assert from "node:assert/strict";
import { breachOf, cycleOf, importsOf, ROOMS } from "./check_imports.ts";

const breach = (from: string, statement: string) => {
  const [found] = importsOf(from, statement);
  assert.ok(found);
  return breachOf(found, found.to.includes("/") && !found.to.startsWith("@"));
};

Deno.test("breachOf() lets a room import a leaf through its door", () => {
  assert.equal(breach("policy/server.ts", `import { now } from "../service/mod.ts";`), undefined);
});

Deno.test("breachOf() refuses a side door, a sideways import and an upward one", () => {
  assert.match(
    breach("policy/a.ts", `import { x } from "../service/clock.ts";`) ?? "",
    /side door/,
  );
  assert.match(breach("policy/a.ts", `import { x } from "../upstream/mod.ts";`) ?? "", /must not/);
  assert.match(breach("envoy/a.ts", `} from "../gateway/mod.ts";`) ?? "", /must not/);
  assert.match(breach("service/a.ts", `export { x } from "../grpc/mod.ts";`) ?? "", /must not/);
});

Deno.test("breachOf() opens a room's testing folder to tests, and to nobody else", () => {
  const statement = `import { x } from "../policy/testing/postgres_server.ts";`;
  assert.equal(breach("tests/testing/stack.ts", statement), undefined);
  assert.equal(breach("gateway/a_test.ts", statement), undefined);
  assert.match(breach("gateway/a.ts", statement) ?? "", /side door/);
});

Deno.test("breachOf() keeps a package in one room, tests apart", () => {
  const statement = `import { Command } from "commander";`;
  assert.match(breach("policy/a.ts", statement) ?? "", /only cli\//);
  assert.equal(breach("patterns/a.ts", `import { RE2JS } from "re2js";`), undefined);
  assert.equal(breach("policy/a_test.ts", statement), undefined);
});

Deno.test("breachOf() refuses the package's own name within the house", () => {
  const [found] = importsOf("policy/a.ts", `import { x } from "@llmgate/llmgate/gateway";`);
  assert.ok(found);
  assert.match(breachOf(found, false) ?? "", /for others/);
});

Deno.test("importsOf() skips comments and finds multi-line and dynamic imports", () => {
  const text = ` * import { a } from "../x/mod.ts";\n} from "./b.ts";\nawait import("./c.ts");\n`;
  assert.deepEqual(importsOf("room/a.ts", text).map((i) => [i.line, i.to, i.deferred]), [
    [2, "room/b.ts", false],
    [3, "room/c.ts", true],
  ]);
});

Deno.test("cycleOf() names the files of a cycle, and ignores dynamic imports", () => {
  const edge = (from: string, to: string, deferred = false) => ({
    from,
    to,
    deferred,
    literal: false,
    line: 1,
  });
  assert.deepEqual(cycleOf([edge("a", "b"), edge("b", "c"), edge("c", "b")]), ["b", "c", "b"]);
  assert.equal(cycleOf([edge("a", "b"), edge("b", "a", true)]), undefined);
});

Deno.test("breachOf() lets only the judge of a profile import the suite", () => {
  const statement = `import { CASES } from "../../../conformance/mod.ts";`;
  assert.match(breach("gateway/profiles/toy/part.ts", statement) ?? "", /only the judge/);
  assert.equal(breach("gateway/profiles/toy/judge.ts", statement), undefined);
  assert.match(
    breach("gateway/a.ts", `import { PROFILES } from "./profiles/mod.ts";`) ?? "",
    /must not/,
  );
});

Deno.test("breachOf() refuses a literal import() of a module of ours, tests and two files apart", () => {
  const statement = `const { x } = await import("./b.ts");`;
  assert.match(breach("policy/a.ts", statement) ?? "", /literal import/);
  assert.equal(breach("policy/a_test.ts", statement), undefined);
  assert.equal(breach("cli/main.ts", statement), undefined);
  assert.equal(
    breach("policy/a.ts", `loadModule<typeof import("./b.ts")>("policy/b.ts")`),
    undefined,
  );
});

Deno.test("docs/architecture.md shows every room", async () => {
  const text = await Deno.readTextFile(new URL("../docs/architecture.md", import.meta.url));
  const [, house = ""] = /```text\n([^`]*)```/.exec(text) ?? [];
  const outside = ["main.ts", "scripts", "tests"];
  const missing = ROOMS.filter((room) => !outside.includes(room) && !house.includes(`${room}/`));
  assert.deepEqual(missing, []);
});
