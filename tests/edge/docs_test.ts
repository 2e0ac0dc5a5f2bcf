/** docs/edge.md: its flags, cases and rules are those that there are. */
import assert from "node:assert/strict";
import { CASES, EDGE_CASES, ROUTER_CASES } from "../../conformance/mod.ts";
import { bundledConfig } from "../../envoy/mod.ts";
import { EDGE_FLAGS } from "../../gateway/profiles/mod.ts";
import { DEFAULT_RULES, readRules } from "../../policy/mod.ts";

const PAGE = await Deno.readTextFile(new URL("../../docs/edge.md", import.meta.url));

Deno.test("docs/edge.md names every flag of the profile", () => {
  for (const { flags } of Object.values(EDGE_FLAGS)) {
    const name = flags.split(" ")[0] ?? "";
    assert.ok(PAGE.includes(name), name);
  }
});

Deno.test("docs/edge.md names cases that there are, and every MUST of tokens and certificates", () => {
  const ids = new Set([...CASES, ...EDGE_CASES, ...ROUTER_CASES].map(({ id }) => id));
  const named = [
    ...PAGE.matchAll(
      /`((?:jwt|mtls|limit|fall|shadow|reload|trace|rl|lim|obs|http|pass|router|ext)\.[a-z0-9-]+)`/g,
    ),
  ]
    .map((
      [, id = ""],
    ) => id);
  assert.deepEqual(named.filter((id) => !ids.has(id)), []);
  const must = EDGE_CASES.filter(({ id, level }) => level === "must" && !id.startsWith("limit."));
  assert.deepEqual(must.map(({ id }) => id).filter((id) => !named.includes(id)), []);
});

Deno.test("the rule of docs/edge.md is the bundled one", async () => {
  const [, example = ""] = /^```yaml\n([^]*?)^```$/m.exec(PAGE) ?? [];
  const { rules: [shown] } = await readRules(`version: x\nrules:\n${example}`, "docs/edge.md");
  const { rules } = await readRules(DEFAULT_RULES, "rules.yaml");
  assert.deepEqual(shown, rules.find(({ name }) => name === "token"));
});

Deno.test("docs/edge.md has the numbers of the configuration", () => {
  const { text } = bundledConfig("edge");
  assert.match(text, /cache_duration: 5s/);
  assert.match(text, /tokens_per_fill: 20000/);
  assert.match(text, /tokens_per_fill: 10000/);
  for (const number of ["every 5 s", "20,000 requests", "10,000 for each"]) {
    assert.ok(PAGE.replace(/\s+/g, " ").includes(number), number);
  }
});
