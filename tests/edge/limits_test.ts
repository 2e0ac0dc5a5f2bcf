/** Journeys of the limits through a real Envoy. docs/limits.md names them. */
import assert from "node:assert/strict";
import { chat, type EdgeStack, outcome, startEdge } from "./stack.ts";

/** Two tenants with keys of their own. */
const RULES = `
version: edge-test
keys:
  - { name: key-a, key: key-a, tenant: a }
  - { name: key-b, key: key-b, tenant: b }
rules:
  - { name: all, match: { credential: known }, allow: {} }
`;
const HUNDRED =
  `{ version: 1, limits: [{ match: { tenant: "*" }, tokens: { per: month, max: 100 } }] }`;
const EXCEEDED = [429, "rate_limit_error", "tokens_exceeded"];

const ask = (edge: EdgeStack, tenant: string, body: Record<string, unknown> = {}) =>
  chat(edge.url, { headers: { "x-api-key": `key-${tenant}` }, body });

/** Waits until that many answers of a tenant have been charged. */
async function charged(edge: EdgeStack, tenant: string, count: number): Promise<number[]> {
  const charges = () =>
    edge.limits.journal.entries().filter(({ outcome, subject }) =>
      outcome === "charged" && subject.tenant === tenant
    );
  await edge.limits.journal.waitFor(() => charges().length >= count);
  return charges().map(({ charge }) => charge?.tokens ?? 0);
}

for (
  const [form, body] of [
    ["JSON", {}],
    ["SSE", { stream: true, stream_options: { include_usage: true } }],
  ] as const
) {
  Deno.test(`a tenant's hundred tokens are spent by a few ${form} answers, another's are untouched`, async () => {
    await using edge = await startEdge({ rules: RULES, limits: HUNDRED });
    let asked = 0;
    let spent = 0;
    while (spent < 100) {
      assert.deepEqual(await outcome(ask(edge, "a", body)), [200]);
      const tokens = await charged(edge, "a", ++asked);
      spent = tokens.reduce((sum, one) => sum + one, 0);
    }
    const usages = edge.limits.journal.entries().map(({ charge }) => charge?.source);
    assert.ok(!usages.includes("estimate"), "every answer said its usage");
    const refused = await ask(edge, "a", body);
    const headers = refused.headers;
    assert.equal(headers.get("content-type"), "application/json");
    assert.ok(Number(headers.get("retry-after")) > 0);
    assert.equal(headers.get("x-ratelimit-limit-tokens"), "100");
    assert.equal(headers.get("x-ratelimit-remaining-tokens"), "0");
    assert.match(headers.get("x-ratelimit-reset-tokens") ?? "", /^(\d+h)?(\d+m)?\d+s$/);
    assert.deepEqual(await outcome(refused), EXCEEDED);
    assert.deepEqual(await outcome(ask(edge, "b", body)), [200]);
    // What was refused reached nobody, and is no charge.
    assert.equal(edge.upstream.journal.entries().length, asked + 1);
    assert.equal((await charged(edge, "a", asked + 1)).at(-1), 0);
  });
}

Deno.test("without usage, and when the client leaves, an answer is charged by its bytes", async () => {
  await using edge = await startEdge({ rules: RULES, limits: HUNDRED });
  await outcome(ask(edge, "a", { stream: true }));
  const [silent = 0] = await charged(edge, "a", 1);
  assert.ok(silent > 0);
  const abort = new AbortController();
  edge.upstream.scripts.set("left", {
    steps: [
      { headers: { headers: { "content-type": "text/event-stream" } } },
      { event: { data: "x".repeat(400) } },
      { hang: true },
    ],
  });
  const response = await chat(edge.url, {
    headers: { "x-api-key": "key-b", "x-mock-script": "left" },
    body: { stream: true },
    signal: abort.signal,
  });
  await response.body?.getReader().read();
  abort.abort();
  const [left = 0] = await charged(edge, "b", 1);
  assert.ok(left >= 100, `${left} tokens for 400 bytes`);
});

Deno.test("a large answer passes whole, and is charged", async () => {
  await using edge = await startEdge({ rules: RULES, limits: HUNDRED });
  const bytes = 5 * 1024 * 1024;
  edge.upstream.scripts.set("large", {
    steps: [
      { headers: { headers: { "content-type": "application/json" } } },
      { write: `{"text":"${"x".repeat(bytes)}"}` },
      { end: true },
    ],
  });
  const headers = { "x-api-key": "key-a", "x-mock-script": "large" };
  const response = await chat(edge.url, { headers });
  assert.equal((await response.text()).length, bytes + 11);
  const [tokens = 0] = await charged(edge, "a", 1);
  assert.ok(tokens >= bytes / 4);
});

Deno.test("errors of policy and upstream are free", async () => {
  await using edge = await startEdge({ rules: RULES, limits: HUNDRED });
  edge.upstream.scripts.set("error", {
    steps: [
      { headers: { status: 500, headers: { "content-type": "application/json" } } },
      { write: `{"error":{"message":"${"x".repeat(1000)}","type":"server_error","code":"x"}}` },
      { end: true },
    ],
  });
  const headers = { "x-api-key": "key-a", "x-mock-script": "error" };
  assert.deepEqual(await outcome(chat(edge.url, { headers })), [500, "server_error", "x"]);
  assert.deepEqual(await charged(edge, "a", 1), [0]);
  const before = edge.limits.journal.entries().length;
  assert.equal((await outcome(chat(edge.url, { headers: { "x-api-key": "no" } })))[0], 403);
  await edge.log.waitFor(({ status }) => status === 403);
  assert.equal(edge.limits.journal.entries().length, before);
});

Deno.test("a service that is down or slow is 503 limits_unavailable, and back without a restart", async () => {
  await using edge = await startEdge({
    rules: RULES,
    limits: HUNDRED,
    edit({ static_resources: { listeners } }) {
      const { http_filters } = listeners[0].filter_chains[0].filters[0].typed_config;
      for (const { name, typed_config } of http_filters) {
        if (name === "envoy.filters.http.ratelimit") typed_config.timeout = "1s";
      }
    },
  });
  const unavailable = [503, "policy_error", "limits_unavailable"];
  assert.deepEqual(await outcome(ask(edge, "a")), [200]);
  await edge.limits.close();
  assert.deepEqual(await outcome(ask(edge, "a")), unavailable);
  await edge.limits.reopen();
  while ((await outcome(ask(edge, "a")))[0] !== 200);
  {
    using _slow = edge.limits.hold();
    assert.deepEqual(await outcome(ask(edge, "a")), unavailable);
  }
  assert.equal((await outcome(ask(edge, "b")))[0], 200);
});

Deno.test("a session has a budget of its own, and /healthz none", async () => {
  const limits =
    `{ version: 1, limits: [{ match: { session: "*" }, requests: { per: month, max: 1 } }] }`;
  await using edge = await startEdge({ rules: RULES, limits });
  const inSession = (session: string, tenant = "a") =>
    outcome(chat(edge.url, {
      headers: { "x-api-key": `key-${tenant}`, "x-session-id": session },
    }));
  assert.deepEqual(await inSession("one"), [200]);
  assert.deepEqual(await inSession("one"), [429, "rate_limit_error", "session_budget_exceeded"]);
  assert.deepEqual(await inSession("two"), [200]);
  assert.deepEqual(await inSession("one", "b"), [200]);
  const asked = edge.limits.journal.entries().length;
  assert.equal(await (await fetch(`${edge.url}/healthz`)).text(), '{"status":"ok"}\n');
  await edge.log.waitFor(({ path }) => path === "/healthz");
  const since = edge.limits.journal.entries().slice(asked);
  assert.deepEqual(since.filter(({ subject }) => subject.tenant === "-"), []);
});
