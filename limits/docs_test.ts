import assert from "node:assert/strict";
import page from "../docs/limits.md" with { type: "text" };
import { codeOf, refusalBody } from "./answer.ts";
import { compileBudgets } from "./budget.ts";
import { MemoryCounters } from "./counters/memory.ts";
import { createLimiter, refusalOf } from "./limiter.ts";
import { parseLimits } from "./limits_file.ts";
import { limitsSchema } from "./limits_schema.ts";
import { UNITS } from "./window.ts";

const EXAMPLES = [...page.matchAll(/^```yaml\n(version: 1[^]*?)^```$/gm)]
  .map(([, text = ""]) => text);

Deno.test("every limits file of docs/limits.md can be read", () => {
  assert.equal(EXAMPLES.length, 2);
  for (const text of EXAMPLES) assert.ok(parseLimits(text, "docs/limits.md").limits.length > 0);
});

Deno.test("the first of them does what the page says", async () => {
  const file = parseLimits(EXAMPLES[0] ?? "", "docs/limits.md");
  const limiter = createLimiter(file, new MemoryCounters());
  const decide = (names: Record<string, string>) =>
    limiter.decide(
      [{ entries: Object.entries(names) }],
      0,
      Date.UTC(2026, 11, 1, 12),
    );
  const facts = { llm: "charge", status: "200", method: "POST", path: "/v1/chat/completions" };
  for (const tenant of ["small", "big-customer"]) {
    await decide({
      ...facts,
      tenant,
      total_tokens: "1000000",
      input_tokens: "0",
      answer_model: "x",
    });
    const refusal = refusalOf(await decide({ llm: "ask", tenant }));
    assert.equal(
      refusal && codeOf(refusal.budget),
      tenant === "small" ? "tokens_exceeded" : "cost_exceeded",
    );
  }
});

Deno.test("docs/limits.md names every key, unit and code", () => {
  const keys = ["version", "store", "redis_env", "prices", "requests", "tokens", "cost", "match"];
  assert.deepEqual(
    Object.keys(limitsSchema.shape).toSorted(),
    ["limits", "prices", "redis_env", "store", "version"],
  );
  for (const word of [...keys, ...UNITS]) assert.ok(page.includes(word), word);
  for (const kind of ["requests", "tokens", "cost"]) {
    assert.ok(page.includes(`\`${kind}_exceeded\``));
  }
});

Deno.test("the refusal on the page is the one that is sent", () => {
  const [, shown = ""] = /^(\{"error".*\})$/m.exec(page) ?? [];
  const now = Date.UTC(2026, 11, 1, 23);
  const file = parseLimits(
    `{ version: 1, limits: [{ match: { tenant: "*" }, tokens: { per: day, max: 100 } }] }`,
    "limits",
  );
  const [budget] = compileBudgets(file)(new Map([["tenant", "a"]]), now);
  assert.ok(budget);
  assert.equal(refusalBody({ budget, used: 100, spent: true }, now), shown);
});
