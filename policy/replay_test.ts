import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { checkClient } from "../ext_authz/mod.ts";
import { DEFAULT_RULES, loadReplay, startPolicy } from "./mod.ts";

const { formatReplay, readRecording, replay } = await loadReplay();

const RULES = { rules: DEFAULT_RULES, rulesFile: "rules.yaml" };

/** Records one request per set of headers and returns the file's text. */
async function record(requests: Record<string, string>[]): Promise<string> {
  const recordFile = await Deno.makeTempFile();
  {
    await using policy = await startPolicy({ recordFile });
    using client = checkClient({ address: policy.address });
    for (const headers of requests) {
      const http = { method: "POST", path: "/v1/chat/completions?key=s3cret", headers };
      await client.check({
        attributes: { request: { http: { ...http, body: '{"prompt":"private"}' } } },
      });
    }
  }
  const text = await Deno.readTextFile(recordFile);
  await Deno.remove(recordFile);
  return text;
}

const REQUESTS = [
  { "x-api-key": "demo-key" },
  { authorization: "Bearer quota-key" },
  { "x-api-key": "somebody-elses-secret" },
  {},
];

Deno.test("startPolicy() records every Check as a line, without keys, bodies or other secrets", async () => {
  const text = await record(REQUESTS);
  assert.doesNotMatch(text, /demo-key|quota-key|elses-secret|s3cret|private/);
  const lines = readRecording(text, "checks.jsonl");
  assert.deepEqual(lines.map(({ line, check }) => [line, check.decision, check.code]), [
    [1, "allow", ""],
    [2, "deny", "quota_exceeded"],
    [3, "deny", "invalid_api_key"],
    [4, "deny", "missing_api_key"],
  ]);
});

Deno.test("replay() finds no change under the same rules, with rules and through an engine", async () => {
  const recording = readRecording(await record(REQUESTS), "checks.jsonl");
  const same = { replayed: 4, changed: [], skipped: [] };
  assert.deepEqual(await replay(recording, RULES), same);
  await using policy = await startPolicy();
  assert.deepEqual(
    await replay(recording, { ...RULES, engine: { address: policy.address } }),
    same,
  );
});

Deno.test("replay() lists each decision that other rules change", async () => {
  const recording = readRecording(await record(REQUESTS), "checks.jsonl");
  const rules = DEFAULT_RULES
    .replace("status: 429", "status: 402")
    .replace("- name: allow\n    match: { credential: known }", "- name: open\n    match: {}")
    .replace("match: { credential: unknown }", "match: { method: DELETE }");
  const report = await replay(recording, { rules, rulesFile: "new.yaml" });
  assert.deepEqual(
    report.changed.map((
      { line, before, after, rules },
    ) => [line, before.status, after.status, rules]),
    [[2, 429, 402, ["quota", "quota"]], [3, 403, 200, ["invalid-key", "open"]]],
  );
  assert.equal(
    formatReplay(report),
    "line 2  POST /v1/chat/completions?key=[redacted]  deny 429 quota_exceeded (quota) -> " +
      "deny 402 quota_exceeded (quota)\n" +
      "line 3  POST /v1/chat/completions?key=[redacted]  deny 403 invalid_api_key (invalid-key) -> " +
      "allow (open)\n" +
      "4 replayed, 2 changed, 0 not replayed",
  );
});

Deno.test("replay() says which checks it could not ask again", async () => {
  const recording = readRecording(await record(REQUESTS.slice(0, 1)), "checks.jsonl");
  const rules = "version: v1\nrules: []\n";
  assert.deepEqual(await replay(recording, { rules, rulesFile: "none.yaml" }), {
    replayed: 0,
    changed: [],
    skipped: [{ line: 1, reason: 'the rules hold no text of key "demo"' }],
  });
});

Deno.test("readRecording() names the file and line of what is not a recorded Check", () => {
  assert.throws(() => readRecording('\n{"request":{}}\n', "a.jsonl"), /a\.jsonl:2: decision: /);
  assert.throws(() => readRecording("{", "a.jsonl"), /a\.jsonl:1: /);
  const wrong =
    '{"request":{"nope":1},"decision":"allow","rule":"","code":"","status":200,"tenant":""}';
  assert.throws(() => readRecording(wrong, "a.jsonl"), /a\.jsonl:1: .*key "nope" is unknown/);
});

Deno.test({
  name: "a recording on a full disk ends and is said once; decisions go on",
  // The one file on which every write fails for want of room.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const said: string[] = [];
    await using policy = await startPolicy({
      recordFile: "/dev/full",
      log: (line) => said.push(line),
    });
    using client = checkClient({ address: policy.address });
    const http = { method: "GET", path: "/v1/models", headers: { "x-api-key": "demo-key" } };
    for (let i = 0; i < 3; i++) {
      const { decision } = await client.verdict({ attributes: { request: { http } } });
      assert.equal(decision, "allow");
    }
    await policy[Symbol.asyncDispose]();
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0] ?? "", /^policy: the recording "\/dev\/full" ends here: No space left/);
  },
});

Deno.test("a recording that cannot be opened, and a host that is not ours, are the user's to mend", async () => {
  for (const recordFile of ["/nowhere/at/all", "/"]) {
    await assert.rejects(startPolicy({ port: 0, recordFile }), UsageError);
  }
  for (const host of ["999.1.1.1", "192.0.2.1"]) {
    await assert.rejects(startPolicy({ port: 0, host }), /no address of this machine/);
  }
});
