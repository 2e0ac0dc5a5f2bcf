import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { UsageError } from "../service/mod.ts";
import {
  type DataFileKind,
  followData,
  jsonSchemaOf,
  parseData,
  readData,
  readDocument,
} from "./mod.ts";

const step = z.union([
  z.strictObject({ wait: z.int().min(1) }),
  z.strictObject({ say: z.string().min(1), loud: z.boolean().optional() }),
]);

const play = z.strictObject({
  title: z.string(),
  mood: z.enum(["glad", "sad"]).optional(),
  steps: z.array(step).optional(),
  roles: z.record(z.string().regex(/^[a-z]+$/, "Expected a lower-case name"), z.string())
    .optional(),
});

const PLAYS: DataFileKind<typeof play> = {
  what: "plays",
  name: "plays.yaml",
  docs: "docs/plays.md",
  schema: play,
  check: ({ title }) =>
    title === "Macbeth" ? [{ path: ["title"], message: "Expected no unlucky title" }] : [],
};

function refusalOf(text: string): string {
  try {
    parseData(PLAYS, text, "p.yaml");
  } catch (error) {
    assert.ok(error instanceof UsageError, String(error));
    return error.message;
  }
  throw new assert.AssertionError({ message: "the plays were taken" });
}

/** `&a0 [x]`, then lists that each hold the one before nine times: 9^`levels` values in a few lines. */
function bomb(levels: number): string {
  const lines = ["title: T", "a0: &a0 [x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < levels; i++) {
    lines.push(`a${i}: &a${i} [${Array(9).fill(`*a${i - 1}`).join(", ")}]`);
  }
  return `${lines.join("\n")}\n`;
}

const REFUSED: readonly (readonly [what: string, text: string, expected: RegExp])[] = [
  ["broken YAML", "title: [\n", /^Cannot read the plays:\n {2}p\.yaml:2:1: /],
  ["a wrong type", "title: 1\n", /p\.yaml:1:1: title: Expected string, received number$/],
  ["a missing key", "mood: sad\n", /p\.yaml:1:1: title: Expected string, which is missing$/],
  [
    "an unknown key",
    "title: T\ntilte: U\n",
    /p\.yaml:2:1: tilte: Expected no such key here: there are title, mood, steps, roles$/,
  ],
  [
    "an unknown key of a choice",
    "title: T\nsteps:\n  - say: Hi\n    lout: true\n",
    /p\.yaml:4:5: steps\.0\.lout: Expected no such key here: there are wait, say, loud$/,
  ],
  [
    "no choice at all",
    "title: T\nsteps: [4]\n",
    /p\.yaml:2:9: steps\.0: Expected object$/,
  ],
  [
    "a wrong choice",
    "title: T\nmood: so-so\n",
    /p\.yaml:2:1: mood: Expected one of "glad"\|"sad"$/,
  ],
  ["a wrong key", "title: T\nroles: { Big: x }\n", /roles\.Big: Expected a lower-case name$/],
  ["what only a check sees", "title: Macbeth\n", /p\.yaml:1:1: title: Expected no unlucky title$/],
  ["a key twice", "title: T\ntitle: U\n", /p\.yaml:2:1: Map keys must be unique/],
  ["an unknown tag", "title: !secret T\n", /p\.yaml:1:8: Unresolved tag: !secret/],
  ["an unknown alias", "title: *t\n", /p\.yaml:1:8: Expected an anchor "&t" before this alias$/],
  ["two documents", "title: T\n---\ntitle: U\n", /p\.yaml:2:1: Source contains multiple documents/],
  [
    "a list that holds itself",
    "title: T\nsteps: &s\n  - wait: 1\n  - *s\n",
    /p\.yaml:4:5: Expected no alias "\*s" inside of what it stands for$/,
  ],
  [
    "a bomb of aliases",
    bomb(9),
    /p\.yaml:\d+:\d+: Expected at most 1000000 values once aliases are put in$/,
  ],
  ["depth", `title: ${"[".repeat(300)}${"]".repeat(300)}\n`, /Expected at most 200 levels$/],
  [
    "depth that no parser stands",
    `title: ${"[".repeat(50_000)}${"]".repeat(50_000)}\n`,
    /Expected at most 200 levels$/,
  ],
  [
    "length",
    `title: ${"x".repeat(16 * 1024 * 1024)}\n`,
    /p\.yaml:1:1: Expected at most 16777216 characters: there are 16777224$/,
  ],
];

for (const [what, text, expected] of REFUSED) {
  Deno.test(`parseData() refuses ${what}`, () => assert.match(refusalOf(text), expected));
}

Deno.test("parseData() shows twenty findings and counts the rest", () => {
  const steps = Array.from({ length: 25 }, () => "  - wait: 0\n").join("");
  const lines = refusalOf(`title: T\nsteps:\n${steps}`).split("\n");
  assert.equal(lines.length, 22);
  assert.equal(lines[1], "  p.yaml:3:5: steps.0.wait: Expected number to be >=1");
  assert.equal(lines.at(-1), "  and 5 more");
});

Deno.test("parseData() takes aliases that are used with measure, and merges nothing by itself", () => {
  const text = "title: T\nsteps:\n  - &w { wait: 1 }\n  - *w\n  - *w\n";
  assert.deepEqual(parseData(PLAYS, text, "p.yaml").steps, Array(3).fill({ wait: 1 }));
});

Deno.test("readDocument() says where each place is", () => {
  const { placeOf } = readDocument("a:\n  b: [1,\n    2]\n", { what: "x", file: "x" });
  assert.deepEqual(placeOf(["a", "b", 1]), { line: 3, column: 5 });
  assert.deepEqual(placeOf(["a", "c"]), { line: 1, column: 1 });
});

Deno.test("readData() says which file cannot be read", async () => {
  await assert.rejects(readData(PLAYS, "/nowhere/p.yaml"), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /^Cannot read the plays of "\/nowhere\/p\.yaml": /);
    return true;
  });
});

Deno.test("followData() takes what can be read, and keeps what was in force otherwise", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "p.yaml");
    await Deno.writeTextFile(path, "title: One\n");
    const said: string[] = [];
    let wake = Promise.withResolvers<void>();
    const log = (line: string) => {
      said.push(line);
      wake.resolve();
    };
    await using followed = await followData(PLAYS, path, { log });
    assert.equal(followed.value.title, "One");
    await Deno.writeTextFile(path, "title: [\n");
    await wake.promise;
    assert.match(said.at(-1) ?? "", /^The plays stay as they were: Cannot read the plays:/);
    assert.equal(followed.value.title, "One");
    wake = Promise.withResolvers();
    await Deno.writeTextFile(`${path}.new`, "title: Two\n");
    await Deno.rename(`${path}.new`, path);
    await wake.promise;
    assert.equal(said.at(-1), `The plays of "${path}" are in force`);
    assert.equal(followed.value.title, "Two");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("jsonSchemaOf() is named by the file, and describes what is written", () => {
  const schema = jsonSchemaOf(PLAYS);
  assert.equal(schema.title, "llmgate plays.yaml");
  assert.deepEqual(schema.required, ["title"]);
});
