import assert from "node:assert/strict";
import { MemoryCounters } from "./counters/memory.ts";
import { createLimiter, type Limiter, refusalOf } from "./limiter.ts";
import { parseLimits } from "./limits_file.ts";
import { codeOf } from "./answer.ts";

const NOON = Date.UTC(2026, 11, 1, 12);

function limiter(limits: string): Limiter {
  const text =
    `{ version: 1, prices: { default: { input: 10, output: 30 } }, limits: [${limits}] }`;
  return createLimiter(parseLimits(text, "limits"), new MemoryCounters(() => NOON));
}

const entries = (names: Record<string, string>) => Object.entries(names);

/** Asks as Envoy does before it lets a request pass; the code of the refusal, or undefined. */
async function ask(limiter: Limiter, names: Record<string, string>, now = NOON) {
  const outcomes = await limiter.decide([{ entries: entries({ llm: "ask", ...names }) }], 0, now);
  const refusal = refusalOf(outcomes);
  return refusal === undefined ? undefined : codeOf(refusal.budget);
}

/** Charges 30 tokens as Envoy does when an answer has ended. */
async function charge(limiter: Limiter, names: Record<string, string>, now = NOON) {
  const facts = {
    ...{ status: "200", method: "POST", path: "/v1/chat/completions" },
    ...{ input_tokens: "10", output_tokens: "20", total_tokens: "30", answer_model: "gpt-4o" },
  };
  const descriptor = { entries: entries({ llm: "charge", ...names, ...facts }), hitsAddend: 0 };
  await limiter.decide([descriptor], 0, now);
}

Deno.test("a hundred tokens are four answers, and another tenant's are untouched", async () => {
  const limits = limiter('{ match: { tenant: "*" }, tokens: { per: day, max: 100 } }');
  for (const _ of [1, 2, 3, 4]) {
    assert.equal(await ask(limits, { tenant: "a" }), undefined);
    await charge(limits, { tenant: "a" });
  }
  assert.equal(await ask(limits, { tenant: "a" }), "tokens_exceeded");
  assert.equal(await ask(limits, { tenant: "b" }), undefined);
  assert.equal(await ask(limits, { tenant: "a" }, NOON + 86_400_000), undefined);
});

Deno.test("requests are counted when they come in, and one that is refused counts nowhere", async () => {
  const limits = limiter(
    '{ match: { tenant: "*" }, requests: [{ per: minute, max: 2 }, { per: hour, max: 3 }] }',
  );
  const asked = [];
  for (const later of [0, 0, 0, 60_000, 60_000]) {
    asked.push(await ask(limits, { tenant: "a" }, NOON + later));
  }
  const refused = "requests_exceeded";
  assert.deepEqual(asked, [undefined, undefined, refused, undefined, refused]);
});

Deno.test("cost counts each answer at its price", async () => {
  // 10 tokens at $10 and 20 at $30 a million are $0.0007.
  const limits = limiter('{ match: { tenant: "*" }, cost: { per: month, max: 0.0014 } }');
  await charge(limits, { tenant: "a" });
  assert.equal(await ask(limits, { tenant: "a" }), undefined);
  await charge(limits, { tenant: "a" });
  assert.equal(await ask(limits, { tenant: "a" }), "cost_exceeded");
});

Deno.test("a session's budget is its own within its tenant, and needs a session", async () => {
  const limits = limiter('{ match: { session: "*" }, tokens: { per: hour, max: 30 } }');
  await charge(limits, { tenant: "a", session: "s" });
  assert.equal(await ask(limits, { tenant: "a", session: "s" }), "session_budget_exceeded");
  assert.equal(await ask(limits, { tenant: "a", session: "t" }), undefined);
  assert.equal(await ask(limits, { tenant: "b", session: "s" }), undefined);
  assert.equal(await ask(limits, { tenant: "a", session: "-" }), undefined);
});

Deno.test("a tenant's own limit takes the place of the one for all", async () => {
  const limits = limiter(
    '{ match: { tenant: "*" }, tokens: { per: day, max: 30 } }, ' +
      "{ match: { tenant: a }, tokens: { per: day, max: 60 } }",
  );
  for (const tenant of ["a", "b"]) await charge(limits, { tenant });
  assert.equal(await ask(limits, { tenant: "a" }), undefined);
  assert.equal(await ask(limits, { tenant: "b" }), "tokens_exceeded");
});

Deno.test("models, keys and any descriptor have budgets, too", async () => {
  const limits = limiter(
    '{ match: { tenant: "*", model: gpt-4o }, tokens: { per: day, max: 30 } }, ' +
      "{ match: { key: k }, requests: { per: day, max: 1 } }, " +
      "{ match: { descriptor: { plan: free } }, requests: { per: day, max: 1 } }",
  );
  await charge(limits, { tenant: "a" });
  assert.equal(await ask(limits, { tenant: "a", model: "gpt-4o" }), "tokens_exceeded");
  assert.equal(await ask(limits, { tenant: "a", model: "other" }), undefined);
  for (const names of [{ key: "k" }, { plan: "free" }]) {
    assert.equal(await ask(limits, names), undefined);
    assert.equal(await ask(limits, names), "requests_exceeded");
  }
});

Deno.test("names of any length are counted, by their first 256 characters", async () => {
  const limits = limiter('{ match: { session: "*" }, requests: { per: day, max: 1 } }');
  const long = "s".repeat(60_000);
  assert.equal(await ask(limits, { tenant: "a", session: long }), undefined);
  assert.equal(await ask(limits, { tenant: "a", session: `${long}t` }), "session_budget_exceeded");
});

Deno.test("a tenant that nobody named is limited as one", async () => {
  const limits = limiter('{ match: { tenant: "*" }, requests: { per: day, max: 1 } }');
  assert.equal(await ask(limits, { tenant: "-" }), undefined);
  assert.equal(await ask(limits, { tenant: "-" }), "requests_exceeded");
});
