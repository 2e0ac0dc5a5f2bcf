import assert from "node:assert/strict";
import { readScenarios, startUpstream } from "../mod.ts";
import { folder } from "../testing/folder.ts";
import { matches } from "./scenario_match.ts";

const LIMITED = `
match: { model: mock-limited }
steps:
  - headers: { status: 429, headers: { retry-after: "7", content-type: application/json } }
  - write: '{"error":{"message":"Slow down","type":"rate_limit_error","param":null,"code":null}}'
`;

function chat(url: string, model: string) {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({ model, messages: [{ role: "user", content: "please" }] }),
  });
}

Deno.test("a scenario file answers what it matches and leaves the rest alone", async () => {
  using path = await folder({ "limited.yaml": LIMITED });
  await using upstream = await startUpstream({ pace: "none", scenarios: `${path}` });
  const limited = await chat(upstream.url, "mock-limited");
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get("retry-after"), "7");
  await limited.body?.cancel();
  assert.equal(upstream.journal.entries()[0]?.script, "limited");
  const plain = await chat(upstream.url, "other");
  assert.equal(plain.status, 200);
  await plain.body?.cancel();
});

Deno.test("a scenario works by name in x-mock-script", async () => {
  using path = await folder({ "tea.json": '{"steps":[{"headers":{"status":418}}]}' });
  await using upstream = await startUpstream({ pace: "none", scenarios: `${path}` });
  const response = await fetch(upstream.url, { headers: { "x-mock-script": "tea" } });
  assert.equal(response.status, 418);
  await response.body?.cancel();
});

Deno.test("a changed scenario is used at once, and a broken one keeps the old and says where", async () => {
  using path = await folder({ "limited.yaml": LIMITED });
  const lines: string[] = [];
  let wake = Promise.withResolvers<void>();
  await using upstream = await startUpstream({
    pace: "none",
    scenarios: `${path}`,
    log: (line) => {
      lines.push(line);
      wake.resolve();
    },
  });
  // As editors do: never a moment with half a file.
  const write = async (text: string) => {
    await Deno.writeTextFile(`${path}/limited.new`, text);
    await Deno.rename(`${path}/limited.new`, `${path}/limited.yaml`);
  };
  await write(LIMITED.replace("429", "'x'"));
  await wake.promise;
  assert.match(
    lines[0] ?? "",
    /kept.*limited\.yaml:4:\d+: steps\.0\.headers\.status: Expected 101 or number$/s,
  );
  const old = await chat(upstream.url, "mock-limited");
  assert.equal(old.status, 429);
  await old.body?.cancel();
  await write(LIMITED.replace("429", "503"));
  while (lines.at(-1)?.includes("kept")) {
    wake = Promise.withResolvers();
    await wake.promise;
  }
  const changed = await chat(upstream.url, "mock-limited");
  assert.equal(changed.status, 503);
  await changed.body?.cancel();
});

const WRONG: { name: string; text: string; says: RegExp }[] = [
  {
    name: "an unknown step",
    text: "steps:\n  - wrte: x\n",
    says: /a\.yaml:2:5: steps\.0: Expected a step/,
  },
  {
    name: "a wrong value",
    text: "steps:\n  - sleep: soon\n",
    says: /a\.yaml:2:5: steps\.0\.sleep: Expected number/,
  },
  { name: "an unknown field", text: "stepz: []\n", says: /a\.yaml:1:1: / },
  { name: "YAML that is none", text: "steps: [\n", says: /a\.yaml:\d+:\d+: / },
  {
    name: "a wrong step inside a repeat",
    text: "steps:\n  - repeat:\n      times: 2\n      steps:\n        - abort: bang\n",
    says: /a\.yaml:5:11: steps\.0\.repeat\.steps\.0\.abort: Expected one of/,
  },
  {
    name: "two answers at once",
    text: "reply: hi\nerror: 429\n",
    says:
      /a\.yaml:2:1: error: Expected one of reply, error, answers, steps: there are reply and error/,
  },
  { name: "no answer at all", text: "match: {}\n", says: /Expected one of reply.*there is none/ },
  {
    name: "a pace that is none",
    text: "reply: { pace: fast }\n",
    says: /a\.yaml:1:10: reply\.pace: /,
  },
  {
    name: "a wrong scenario in a list",
    text: "- reply: a\n- match: { turn: 0 }\n  reply: b\n",
    says: /a\.yaml:2:12: 1\.match\.turn: /,
  },
  {
    name: "a fixture that has no counterpart",
    text: '{"fixtures":[{"match":{"context":"x"},"response":{"content":"y"}}]}',
    says: /context/,
  },
  {
    name: "a regular expression that is none",
    text: "match: { model: /(/ }\nsteps: []\n",
    says: /a\.yaml:1:10: match\.model: /,
  },
];

for (const { name, text, says } of WRONG) {
  Deno.test(`readScenarios() refuses ${name}, with its place`, async () => {
    using path = await folder({ "a.yaml": text });
    await assert.rejects(readScenarios(`${path}`), says);
  });
}

Deno.test("matches() wants every field, as text or as an expression", () => {
  const input = {
    method: "POST",
    path: "/v1/chat/completions",
    dialect: "openai" as const,
    ask: undefined,
    model: "m-1",
    lastMessage: "Please FAIL now",
    header: (name: string) => name === "x-team" ? "blue" : undefined,
  };
  assert.ok(matches({ model: "m-1", last_message: "/please fail/i" }, input));
  assert.ok(matches({ path: "/v1/chat/completions", headers: { "X-Team": "blue" } }, input));
  assert.ok(!matches({ model: "m-1", last_message: "fail" }, input));
  assert.ok(!matches({ headers: { "x-other": "/./" } }, input));
});
