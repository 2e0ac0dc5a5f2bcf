import assert from "node:assert/strict";
import { CASES } from "../../conformance/mod.ts";
import { bundledConfig, parseEnvoyConfig } from "../../envoy/mod.ts";
import { LINT_RULES, lintEnvoyConfig } from "../../lint/mod.ts";
import { lintPage } from "../../scripts/lint_docs.ts";
import { type EnvoyStack, startEnvoyStack } from "./stack.ts";

async function lintRunning({ envoy }: EnvoyStack): Promise<string[]> {
  const dump = JSON.stringify(await envoy.admin.configDump());
  const { findings, notes } = await lintEnvoyConfig(dump, {
    name: "a running Envoy",
    withoutLines: true,
  });
  assert.deepEqual(notes, []);
  return findings.map(({ id }) => id);
}

Deno.test("a running Envoy with the base profile has no finding", async () => {
  await using stack = await startEnvoyStack();
  assert.deepEqual(await lintRunning(stack), []);
});

Deno.test("a running Envoy shows the findings of its file", async () => {
  const { text } = bundledConfig("base");
  const broken = text.replace("failure_mode_allow: false", "failure_mode_allow: true")
    .replace("idle_timeout: 0s", "idle_timeout: 60s")
    .replace("normalize_path: true", "normalize_path: false");
  await using stack = await startEnvoyStack({
    config: await parseEnvoyConfig(broken, "broken.yaml"),
  });
  assert.deepEqual(await lintRunning(stack), [
    "stream.idle-timeout",
    "policy.fail-open",
    "edge.path-normalization",
  ]);
});

Deno.test("every case that a lint rule names is a case of the suite", () => {
  const known = new Set(CASES.map(({ id }) => id));
  const unknown = LINT_RULES.filter((rule) => rule.case !== undefined && !known.has(rule.case));
  assert.deepEqual(unknown.map(({ id, case: name }) => `${id}: ${name}`), []);
});

Deno.test("docs/lint.md says what the rules say", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/lint.md", import.meta.url));
  assert.equal(page, lintPage(LINT_RULES));
});
