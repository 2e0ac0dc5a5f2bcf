import assert from "node:assert/strict";
import { CASES, EDGE_CASES } from "../../conformance/mod.ts";
import { bundledConfig, parseEnvoyConfig } from "../../envoy/mod.ts";
import {
  GROUPS_NOT_BY_CONFIGURATION,
  LINT_RULES,
  lintEnvoyConfig,
  NOT_BY_CONFIGURATION,
} from "../../lint/mod.ts";
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
  const known = new Set([...CASES, ...EDGE_CASES].map(({ id }) => id));
  const named = LINT_RULES.flatMap((rule) =>
    [...(rule.case === undefined ? [] : [rule.case]), ...(rule.also ?? [])]
      .map((name) => `${rule.id}: ${name}`)
  );
  assert.deepEqual(named.filter((one) => !known.has(one.split(": ")[1] ?? "")), []);
});

Deno.test("each MUST of the suite has a rule of lint, or a reason why a file cannot break it", () => {
  const ruled = new Set(LINT_RULES.flatMap((rule) => [rule.case, ...(rule.also ?? [])]));
  const musts = CASES.filter(({ level }) => level === "must").map(({ id }) => id);
  const reasoned = (id: string) =>
    Object.hasOwn(NOT_BY_CONFIGURATION, id) ||
    Object.hasOwn(GROUPS_NOT_BY_CONFIGURATION, id.split(".")[0] ?? "");
  const open = musts.filter((id) => !ruled.has(id) && !reasoned(id));
  assert.deepEqual(open, []);
  const known = new Set(musts);
  const stale = Object.keys(NOT_BY_CONFIGURATION).filter((id) => ruled.has(id) || !known.has(id));
  assert.deepEqual(stale, [], "a case with a rule needs no reason");
});

Deno.test("docs/lint.md says what the rules say", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/lint.md", import.meta.url));
  assert.equal(page, lintPage(LINT_RULES));
});
