import assert from "node:assert/strict";
import { type JsonObject } from "../grpc/mod.ts";
import { checkClient } from "../ext_authz/mod.ts";
import { nextOrder, now, UnavailableError, UsageError } from "../service/mod.ts";
import { startPolicyThread } from "./policy_thread.ts";

/** A Check as Envoy sends it, marked as the stub marks it for a nonce. */
function ask(headers: Record<string, string | undefined>): JsonObject {
  return {
    attributes: { request: { http: { method: "GET", path: "/v1/models", headers } } },
  } as JsonObject;
}

const SECRET = { scriptSecret: "of this run" };
const NONCE = "case-0001";

Deno.test("startPolicyThread() answers by script and by rules, and its journal tells all of both", async () => {
  await using policy = await startPolicyThread(SECRET);
  using client = checkClient({ address: policy.address });
  const mark = policy.signNonce(NONCE);
  policy.scripts.set(NONCE, [{ deny: { status: 429, code: "planned" } }, { allow: {} }]);
  const before = nextOrder();
  const marked = ask({ "x-harness-case": mark });
  assert.equal((await client.verdict(marked)).code, "planned");
  assert.equal((await client.verdict(marked)).decision, "allow");
  policy.scripts.delete(NONCE);
  assert.equal((await client.verdict(marked)).code, "missing_api_key");
  const checks = policy.journal.entries();
  assert.deepEqual(
    checks.map(({ nonce, rule, decision }) => [nonce, rule, decision]),
    [
      [NONCE, "script", "deny"],
      [NONCE, "script", "allow"],
      [NONCE, "missing-key", "deny"],
    ],
  );
  // One sequence for both threads.
  const inOrder = [before, ...checks.map(({ answeredOrder = NaN }) => answeredOrder), nextOrder()];
  assert.deepEqual(inOrder.toSorted((a, b) => a - b), inOrder);
});

Deno.test("a stub on a thread of its own answers while this thread does something else", async () => {
  await using policy = await startPolicyThread(SECRET);
  using client = checkClient({ address: policy.address });
  policy.scripts.set(NONCE, [{ allow: {}, barrier: "held" }]);
  const verdict = client.verdict(ask({ "x-harness-case": policy.signNonce(NONCE) }));
  await policy.barriers.arrival(`${NONCE}/held`);
  policy.barriers.release(`${NONCE}/held`);
  // Not a turn of this thread's event loop from here on.
  const patience = now() + 20_000;
  while (policy.journal.entries()[0]?.answeredAt === undefined && now() < patience);
  assert.equal(policy.journal.entries()[0]?.decision, "allow");
  assert.equal((await verdict).decision, "allow");
});

Deno.test("a stub on a thread of its own tells at once of a Check that it holds, and of its end", async () => {
  await using policy = await startPolicyThread(SECRET);
  using client = checkClient({ address: policy.address });
  policy.scripts.set(NONCE, [{ hang: true }]);
  const leave = new AbortController();
  const asked = client.verdict(ask({ "x-harness-case": policy.signNonce(NONCE) }), {
    signal: leave.signal,
  });
  const left = assert.rejects(asked, /the caller left/);
  const check = await policy.journal.waitFor(({ nonce }) => nonce === NONCE);
  assert.equal(check.decision, undefined);
  leave.abort();
  await policy.journal.waitFor(({ cancelledAt }) => cancelledAt !== undefined);
  assert.notEqual(check.cancelledAt, undefined, "the same entry is told to the end");
  await left;
});

Deno.test("a stub on a thread of its own closes, opens again on its port, and takes new rules", async () => {
  await using policy = await startPolicyThread({});
  using client = checkClient({ address: policy.address });
  const key = ask({ "x-api-key": "demo-key" });
  assert.equal((await client.verdict(key)).decision, "allow");
  await policy.close();
  await assert.rejects(client.verdict(key, { deadlineMs: 5_000 }));
  await policy.reopen();
  await policy.reload("version: next\nrules: []\n");
  assert.equal(policy.version, "next");
  assert.equal((await client.verdict(key)).decision, "deny");
  assert.match(await policy.metrics(), /decision="allow"/);
});

Deno.test("startPolicyThread() rejects as startPolicy() does", async () => {
  await assert.rejects(startPolicyThread({ rulesFile: "/no/such/rules.yaml" }), UsageError);
  await using policy = await startPolicyThread(SECRET);
  assert.throws(() => policy.scripts.set(NONCE, [{}]), UsageError);
  await assert.rejects(
    policy.barriers.arrival(`${NONCE}/nobody`, { deadlineMs: 1 }),
    UnavailableError,
  );
});
