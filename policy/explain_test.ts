import assert from "node:assert/strict";
import type { PolicyCheck } from "./check_log.ts";
import { DEFAULT_RULES } from "./default_rules.ts";
import { dryRun, explainRules } from "./explain.ts";
import { readRules } from "./read_rules.ts";
import { startPolicy } from "./policy.ts";

const rules = await readRules(DEFAULT_RULES, "policy/rules.yaml");
const kept = (headers: Record<string, string>) => ({
  method: "POST",
  path: "/v1/chat/completions?x=1",
  headers,
});

Deno.test("explainRules() names the rule, its place and the reason", () => {
  const missing = explainRules(rules, kept({}));
  assert.equal(missing.says, "rule 3 of 6, because the credential is missing");
  assert.deepEqual([missing.decision, missing.status, missing.code], [
    "deny",
    401,
    "missing_api_key",
  ]);
  const known = explainRules(rules, kept({ "x-api-key": "demo-key" }));
  assert.match(
    known.says,
    /^rule 6 of 6, because the credential is known: key demo of tenant demo$/,
  );
  assert.deepEqual(known.rules.map(({ holds }) => holds), [
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
});

Deno.test("explainRules() knows a credential that a journal hid by the name in its place", () => {
  assert.equal(explainRules(rules, kept({ "x-api-key": "[key:quota]" })).code, "quota_exceeded");
  assert.equal(explainRules(rules, kept({ "x-api-key": "[redacted]" })).code, "invalid_api_key");
});

Deno.test("explainRules() says what each condition wanted, and what it saw", async () => {
  const file = await readRules(
    `version: "1"
rules:
  - name: models
    match: { method: GET, path: { prefix: /v1/models }, headers: { X-Team: [red, { regex: b.* }] } }
    allow: {}
`,
    "rules.yaml",
  );
  const { says, position, rules: [rule] } = explainRules(file, kept({ "x-team": "blue" }));
  assert.equal(position, 0);
  assert.match(says, /none of 1 rules holds/);
  assert.deepEqual(rule?.conditions, [
    { what: "method", wanted: "GET", seen: "POST", holds: false },
    { what: "path", wanted: 'prefix "/v1/models"', seen: "/v1/chat/completions", holds: false },
    { what: "header x-team", wanted: '"red" or regex "b.*"', seen: "blue", holds: true },
  ]);
});

Deno.test("dryRun() tells which decisions other rules would change, and agrees with the stub", async () => {
  await using policy = await startPolicy();
  assert.equal(policy.rules?.text, DEFAULT_RULES);
  const check = (headers: Record<string, string>, rule: string): PolicyCheck => {
    const { decision, status, code } = explainRules(rules, kept(headers));
    return {
      ...kept(headers),
      ...{ requestId: rule, receivedAt: 0, host: "", protocol: "", size: 0, bodyBytes: 0 },
      ...{ contextExtensions: {}, source: "", grpcPath: "" },
      ...{ decision, status, code, rule },
    };
  };
  const checks = [check({ "x-api-key": "[key:demo]" }, "allow"), check({}, "missing-key")];
  assert.deepEqual(dryRun(rules, { now: rules, checks }), { decisions: 2, changed: [] });
  const other = await readRules(
    DEFAULT_RULES.replace("name: demo\n", "name: renamed\n").replace("status: 401", "status: 403"),
    "rules.yaml",
  );
  const { changed } = dryRun(other, { now: rules, checks });
  assert.deepEqual(changed.map(({ before, after }) => [before, after]), [[
    "deny 401 missing_api_key (missing-key)",
    "deny 403 missing_api_key (missing-key)",
  ]]);
});
