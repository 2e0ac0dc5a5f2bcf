import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { parseRules } from "./rules_file.ts";
import defaultRules from "./rules.yaml" with { type: "text" };

function refusal(text: string): string {
  try {
    parseRules(text, "my.yaml");
  } catch (error) {
    assert.ok(error instanceof UsageError);
    return error.message;
  }
  throw new assert.AssertionError({ message: "the rules were taken" });
}

const HEAD = "version: v1\nrules:\n";

Deno.test("parseRules() takes the default rules", () => {
  assert.equal(parseRules(defaultRules, "rules.yaml").version, "demo-1");
});

Deno.test("parseRules() points at a YAML error", () => {
  assert.match(refusal("version: v1\nrules: [\n"), /my\.yaml:\d+:\d+: /);
});

Deno.test("parseRules() points at an unknown key and says what was wrong", () => {
  const text = `${HEAD}  - name: a\n    mach: { method: GET }\n    allow: {}\n`;
  assert.match(refusal(text), /my\.yaml:4:5: rules\.0\.mach: Expected no such key here/);
});

Deno.test.each([
  {
    n: "status",
    rule: "deny: { status: 99 }",
    want: /my\.yaml:4:13: rules\.0\.deny\.status: Expected a status from 200 to 599/,
  },
  {
    n: "regex",
    rule: 'match: { path: { regex: "(" } }, allow: {}',
    want: /my\.yaml:4:14: rules\.0\.match\.path: Expected a text, a list/,
  },
  {
    n: "template",
    rule: "allow: { set: { x-a: '{nope}' } }",
    want: /my\.yaml:4:21: rules\.0\.allow\.set\.x-a: Expected one of .*"\{nope\}" is none/,
  },
  {
    n: "secret",
    rule: "allow: { set: { x-a: '{header:Authorization}' } }",
    want: /Expected a header without secrets/,
  },
  {
    n: "header",
    rule: "allow: { set: { 'x a': b } }",
    want: /my\.yaml:4:21: .*Expected a header name/,
  },
  {
    n: "both",
    rule: "allow: {}, deny: {}",
    want: /my\.yaml:3:5: rules\.0: Expected exactly one of/,
  },
  {
    n: "key name",
    rule: "match: { credential: { key: nobody } }, deny: {}",
    want: /my\.yaml:4:\d+: rules\.0\.match\.credential\.key: Expected the name of a key: "nobody"/,
  },
])("parseRules() refuses a wrong $n with its position", ({ rule, want }) => {
  const flow = rule.split(/, (?=allow|deny)/).map((part) => `    ${part}\n`).join("");
  assert.match(refusal(`${HEAD}  - name: a\n${flow}`), want);
});

Deno.test("parseRules() refuses two rules of one name, and a key without a secret", () => {
  const twice = "  - { name: a, allow: {} }\n";
  assert.match(refusal(HEAD + twice + twice), /my\.yaml:4:7: .*"a" is taken/);
  assert.match(
    refusal(`version: v1\nkeys:\n  - { name: k, tenant: t }\nrules: []\n`),
    /my\.yaml:3:5: keys\.0: Expected exactly one of key and key_sha256/,
  );
});
