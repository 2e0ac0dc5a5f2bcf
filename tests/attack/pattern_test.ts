/** Expressions that take years of a backtracking engine, wherever a person writes one, and the texts that show it. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { checkClient } from "../../ext_authz/mod.ts";
import { loadPatterns } from "../../patterns/mod.ts";
import { startPolicy } from "../../policy/mod.ts";
import { explainRoute, parseRoutes } from "../../router/mod.ts";
import { through } from "../../transform/testing/through.ts";
import { startUpstream } from "../../upstream/mod.ts";

/** Expressions that somebody writes, and texts that somebody else sends: each fits nowhere, and costs time that doubles with a letter. */
const CARELESS: readonly (readonly [expression: string, text: string])[] = [
  ["^(a+)+$", `${"a".repeat(20_000)}!`],
  ["^(a|aa)+$", `${"a".repeat(20_000)}!`],
  ["^([a-z]{1,100}){1,9}[0-9]{1,100}a{1,100}x$", `${"a".repeat(2_000)}!`],
  [`^${"(?:a|[ab])".repeat(40)}!$`, `${"a".repeat(40)}b`],
];
const chat = (content: string) => ({ model: "m", messages: [{ role: "user", content }] });

Deno.test("rules: a header that no engine should look at for long is decided", async () => {
  for (const [expression, text] of CARELESS) {
    const pattern = JSON.stringify(expression.slice(1, -1));
    await using policy = await startPolicy({
      rules: `version: v
rules:
  - { name: slow, match: { headers: { x-a: { regex: ${pattern} } } }, allow: {} }
`,
    });
    using client = checkClient({ address: policy.address });
    const http = { method: "GET", path: "/v1/models", headers: { "x-a": text } };
    const { decision } = await client.verdict({ attributes: { request: { http } } });
    assert.equal(decision, "deny", expression);
  }
});

Deno.test("routes: a prompt is looked at in linear time", async () => {
  await loadPatterns();
  for (const [regex, text] of CARELESS) {
    const at = { model: "m", path_prefix: "/v1/" };
    const table = parseRoutes(
      JSON.stringify([{ ...at, name: "slow", when: { prompt: { regex } } }, {
        ...at,
        name: "plain",
      }]),
      "routes.json",
    );
    const body = new TextEncoder().encode(JSON.stringify(chat(text)));
    const path = "/v1/chat/completions";
    assert.equal(explainRoute(table, { body, path }).taken, "plain", regex);
  }
});

Deno.test("scenarios of the mock: a message fits, or does not, at once", async () => {
  const scenarios = await Deno.makeTempDir();
  try {
    for (const [at, [expression]] of CARELESS.entries()) {
      const match = JSON.stringify(`/${expression}/`);
      await Deno.writeTextFile(
        join(scenarios, `${at}.yaml`),
        `match: { last_message: ${match} }\nsteps: [{ headers: { status: 418 } }]\n`,
      );
    }
    await using upstream = await startUpstream({ pace: "none", scenarios });
    for (const [expression, text] of CARELESS) {
      const response = await fetch(`${upstream.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(chat(text)),
      });
      await response.body?.cancel();
      assert.equal(response.status, 200, expression);
    }
  } finally {
    await Deno.remove(scenarios, { recursive: true });
  }
});

Deno.test("guards: a text is looked at in linear time", async () => {
  for (const [expression, text] of CARELESS) {
    const steps = [{ guard: { input: { words: { patterns: [expression] } } } }];
    const { own } = await through({ steps, request: chat(text), answer: [] });
    assert.equal(own, undefined, expression);
  }
});
