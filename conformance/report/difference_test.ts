import assert from "node:assert/strict";
import { cutDifference, delaysOf, firstDifference } from "./difference.ts";
import type { TraceLine } from "./trace.ts";

const trace = (...lines: [TraceLine["witness"], string][]): TraceLine[] =>
  lines.map(([witness, text], t) => ({ t, witness, text }));

const ASKED: [TraceLine["witness"], string][] = [
  ["client", "sends POST /v1/chat/completions"],
  ["policy", "is asked: POST /v1/chat/completions"],
];

Deno.test("firstDifference() sees a denial that the upstream got all the same", () => {
  const lines = trace(...ASKED, ["policy", "answers deny 403"], [
    "upstream",
    "gets POST /v1/chat/completions (connection 1)",
  ]);
  const { lines: marked, says } = firstDifference(lines) ?? {};
  assert.deepEqual(marked, [2, 3]);
  assert.match(says ?? "", /^Policy denied, and the upstream got/);
});

Deno.test("firstDifference() sees another status, another path, and a cut stream", () => {
  const status = trace(...ASKED, ["policy", "answers deny 451"], ["client", "gets status 403"]);
  assert.equal(firstDifference(status)?.says, "Policy said 451, and the client got 403");
  const path = trace(...ASKED, ["policy", "answers allow"], [
    "upstream",
    "gets POST /admin (connection 1)",
  ]);
  assert.match(firstDifference(path)?.says ?? "", /the upstream got \/admin$/);
  const cut = trace(...ASKED, ["policy", "answers allow"], [
    "upstream",
    "ends: completed, 9 bytes written",
  ], [
    "client",
    "sees the end: rst (ECONNRESET)",
  ]);
  assert.match(firstDifference(cut)?.says ?? "", /the client saw "rst"/);
});

Deno.test("firstDifference() says nothing where the witnesses agree, or requests cannot be told apart", () => {
  const fine = trace(...ASKED, ["policy", "answers deny 403"], ["client", "gets status 403"]);
  assert.equal(firstDifference(fine), undefined);
  const two = trace(["client", "#1 sends GET /a"], ["client", "#2 sends GET /b"], [
    "policy",
    "is asked: GET /b",
  ]);
  assert.equal(firstDifference(two), undefined);
});

Deno.test("cutDifference() marks what differs, with what is alike around it", () => {
  assert.deepEqual(cutDifference('"x-tenant: a"', '"x-tenant: bc"'), [
    { before: '"x-tenant: ', differs: "a", after: '"' },
    { before: '"x-tenant: ', differs: "bc", after: '"' },
  ]);
  assert.deepEqual(cutDifference("aaa", "aaaa")[1], { before: "aaa", differs: "a", after: "" });
  assert.deepEqual(cutDifference('"a"', "200")[1], { before: "200", differs: "", after: "" });
  assert.equal(cutDifference(`${"x".repeat(100)}1`, `${"x".repeat(100)}2`)[0].before.length, 41);
});

Deno.test("delaysOf() is the median and the most, where each departure is known", () => {
  assert.deepEqual(delaysOf({ sent: [0, 10, 20], received: [1, 15, 22] }), {
    events: 3,
    median: 2,
    most: 5,
  });
  assert.equal(delaysOf({ sent: [0], received: [1, 2] }), undefined);
});
