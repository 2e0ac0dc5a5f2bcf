/** The examples of docs/transform.md. */
import assert from "node:assert/strict";
import { parseData } from "../data_files/mod.ts";
import { TRANSFORM_FILE } from "./transform_schema.ts";
import { UsageError } from "../service/mod.ts";

const text = await Deno.readTextFile(new URL("../docs/transform.md", import.meta.url));
const examples = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml = ""]) => yaml);

Deno.test("docs/transform.md: every example is read, and every step has one", () => {
  const names = examples.flatMap((yaml) =>
    parseData(TRANSFORM_FILE, yaml, "transform.yaml").steps.flatMap(Object.keys)
  );
  assert.deepEqual(names.toSorted(), [
    "api",
    "cache",
    "cache",
    "cache",
    "context",
    "context",
    "context",
    "guard",
    "mcp_tools",
    "prompt",
    "redact",
    "redact",
  ]);
});

for (
  const [yaml, said] of [
    ["steps: [{ redact: {} }]", /detect, presidio, or both/],
    ["steps: [{ redact: { detect: [names] } }]", /steps\.0\.redact\.detect\.0/],
    ["steps: [{ prompt: { system: {} } }]", /prepend, append, or both/],
    ["steps: [{}]", /exactly one of prompt/],
    ["steps: [{ cache: { for: soon } }]", /a time such as/],
    [
      "steps: [{ redact: { detect: [email], replace: reversible } }, { context: {} }]",
      /reversible tags live for one request/,
    ],
  ] as const
) {
  Deno.test(`a file is refused at its place: ${yaml}`, () => {
    assert.throws(
      () => parseData(TRANSFORM_FILE, `version: 1\n${yaml}\n`, "transform.yaml"),
      (error) => error instanceof UsageError && said.test(error.message),
    );
  });
}
