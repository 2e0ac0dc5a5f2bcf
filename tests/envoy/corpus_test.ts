/**
 * Configurations after the forms of Envoy's examples, Envoy Gateway, Istio and OPA, with what lint finds beside what a
 * real Envoy did: whether it takes the file, and whether a request reaches the upstream while policy says no, or says
 * nothing that can be used. The two must agree.
 */
import assert from "node:assert/strict";
import { adoptEnvoyConfig, parseEnvoyConfig, validateConfig } from "../../envoy/mod.ts";
import { lintEnvoyConfig } from "../../lint/mod.ts";
import type { CorpusCase } from "./corpus/form.ts";
import { CORPUS, corpusTable } from "./corpus/table.ts";
import { deny, envoyPath, startEnvoyStack } from "./stack.ts";

/** No CheckResponse at all. */
const GARBAGE = new Uint8Array([0xff]);

Deno.test("the corpus has at least forty configurations, each with a name of its own", () => {
  assert.ok(CORPUS.length >= 40, String(CORPUS.length));
  assert.equal(new Set(CORPUS.map(({ name }) => name)).size, CORPUS.length);
});

Deno.test("the table of the corpus says what its cases say", async () => {
  const page = await Deno.readTextFile(new URL("corpus/README.md", import.meta.url));
  assert.equal(page, corpusTable());
});

for (const one of CORPUS) {
  Deno.test(`${one.name}: lint finds ${one.findings.join(", ") || "nothing"}`, async () => {
    const { findings, notes } = await lintEnvoyConfig(one.text, { name: "envoy.yaml" });
    assert.deepEqual(findings.map(({ id }) => id), one.findings);
    if (one.note !== undefined) assert.match(notes.join("\n"), one.note);
    const lines = one.text.split("\n").length;
    for (const { line } of findings) assert.ok(line !== undefined && line > 0 && line <= lines);
    // Lint and Envoy agree on whether the file is valid.
    const refused = findings.some(({ id }) => id.startsWith("config."));
    if (one.envoy !== "other") assert.equal(refused, one.envoy === "refuses");
    if (one.reached?.denied) assert.ok(findings.some(({ id }) => id.startsWith("policy.")));
  });

  if (one.envoy !== "other") {
    Deno.test(`${one.name}: a real Envoy ${one.envoy} it`, async () => {
      const file = await Deno.makeTempFile({ suffix: ".yaml" });
      try {
        await Deno.writeTextFile(file, one.text);
        const { ok, messages } = await validateConfig(await envoyPath(), file);
        assert.equal(ok, one.envoy === "accepts", messages.join("\n"));
      } finally {
        await Deno.remove(file);
      }
    });
  }

  const { reached } = one;
  if (reached !== undefined) {
    Deno.test(`${one.name}: a request ${wordsOf(reached)}`, async () => {
      assert.deepEqual(await measured(one), reached);
    });
  }
}

function wordsOf({ denied, failing }: NonNullable<CorpusCase["reached"]>): string {
  if (denied) return "that policy denies reaches the upstream";
  return failing
    ? "reaches the upstream while policy fails"
    : "never reaches the upstream undecided";
}

async function measured({ text, tries = {} }: CorpusCase): Promise<CorpusCase["reached"]> {
  const { file, listener, policyCluster, upstreamCluster } = adoptEnvoyConfig(
    await parseEnvoyConfig(text, "envoy.yaml"),
  );
  await using stack = await startEnvoyStack({
    config: file,
    names: { listener, policy: policyCluster ?? "pol", upstream: upstreamCluster },
  });
  const passes = async (answer: typeof stack.policy): Promise<boolean> => {
    stack.policy = answer;
    const before = stack.forwarded.length;
    await request(stack.port, tries);
    return stack.forwarded.length > before;
  };
  return { denied: await passes(deny(403, "no")), failing: await passes(GARBAGE) };
}

/** Sends one request over a connection of its own, and reads to its end; fetch() would keep back upgrades. */
async function request(port: number, headers: Readonly<Record<string, string>>): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const lines = Object.entries({
    host: "llm.test",
    ...headers,
    ...(headers.connection ? {} : { connection: "close" }),
  })
    .map(([name, value]) => `${name}: ${value}\r\n`);
  await connection.write(
    new TextEncoder().encode(`GET /v1/models HTTP/1.1\r\n${lines.join("")}\r\n`),
  );
  const buffer = new Uint8Array(16_384);
  const count = await connection.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
}
