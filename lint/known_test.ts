import assert from "node:assert/strict";
import { bundledConfig } from "../envoy/mod.ts";
import { UsageError } from "../service/mod.ts";
import { formatFindings } from "./format.ts";
import { parseKnownFindings } from "./known.ts";
import { lintEnvoyConfig } from "./lint.ts";

const OPEN = "failure_mode_allow: true";
const base = (line: string) =>
  bundledConfig("base").text.replace(/^( *)failure_mode_allow: false.*$/m, `$1${line}`);
const lint = (text: string, known?: string) =>
  lintEnvoyConfig(text, {
    name: "envoy.yaml",
    ...(known === undefined ? {} : { known: parseKnownFindings(known) }),
  });

Deno.test("a mark with a reason accounts for the finding of its own line", async () => {
  const text = base(`${OPEN} # llmgate:ignore policy.fail-open: a trial, until May`);
  const { findings, suppressed, notes } = await lint(text);
  assert.deepEqual([findings, notes], [[], []]);
  assert.deepEqual(suppressed.map(({ id, reason }) => [id, reason]), [
    ["policy.fail-open", "a trial, until May"],
  ]);
});

Deno.test("a mark on lines of its own accounts for the next line that is none", async () => {
  const text = base(
    `# llmgate:ignore policy.*  a trial\n\n  # more words\n${" ".repeat(22)}${OPEN}`,
  );
  assert.deepEqual((await lint(text)).findings, []);
});

Deno.test("a mark without a reason does nothing, and one that matches nothing is said", async () => {
  const bare = await lint(base(`${OPEN} # llmgate:ignore policy.fail-open`));
  assert.deepEqual(bare.findings.map(({ id }) => id), ["policy.fail-open"]);
  assert.match(bare.notes.join(), /gives no reason, and does nothing/);
  const stale = await lint(
    base("failure_mode_allow: false # llmgate:ignore policy.fail-open: old"),
  );
  assert.match(stale.notes.join(), /"llmgate:ignore policy.fail-open" matches no finding/);
});

Deno.test("a list of known findings goes by rule and path, each with its reason", async () => {
  const text = base(OPEN);
  const known = "# ours\npolicy.fail-open */failure_mode_allow  # a trial\nedge.*  # old\n";
  const { findings, suppressed, notes } = await lint(text, known);
  assert.deepEqual([findings.length, suppressed.length], [0, 1]);
  assert.deepEqual(notes, ['Known finding "edge.*" (line 3) matches no finding']);
  assert.throws(() => parseKnownFindings("policy.fail-open\n", "known.txt"), (error: Error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /"known.txt" line 1/);
    return true;
  });
});

Deno.test("formatFindings() shows one of many equal findings, and counts the rest", async () => {
  const routes = Array.from(
    { length: 9 },
    (_, index) => `{ match: { prefix: /v${index} }, route: { cluster: upstream } }`,
  );
  const text = bundledConfig("base").text.replace(
    /^( *)- name: v1\n/m,
    `$1- ${routes.join("\n$1- ")}\n$1- name: v1\n`,
  );
  const result = await lint(text);
  const printed = formatFindings(result, "envoy.yaml");
  assert.equal(printed.match(/stream\.route-timeout/g)?.length, 1);
  assert.match(
    printed,
    /and 8 more like it:\n {4}line \d+: route \/v1 ends every stream after 15s/,
  );
  assert.match(printed, /… \(--all lists them\)/);
  const all = formatFindings(result, "envoy.yaml", { all: true });
  assert.equal(all.match(/stream\.route-timeout/g)?.length, 9);
});

Deno.test("lintEnvoyConfig() looks at one listener, and names those that there are", async () => {
  const { text } = bundledConfig("base");
  const second = text.replace(
    "  clusters:\n",
    "    - { name: idle, api_listener: {} }\n\n  clusters:\n",
  )
    .replace("normalize_path: true", "normalize_path: false");
  const ids = async (listener: string) =>
    (await lintEnvoyConfig(second, { name: "envoy.yaml", listener })).findings.map(({ id }) => id);
  assert.deepEqual(await ids("ingress"), ["edge.path-normalization"]);
  assert.deepEqual(await ids("idle"), []);
  await assert.rejects(ids("gone"), /there is only "ingress", "idle"/);
});
