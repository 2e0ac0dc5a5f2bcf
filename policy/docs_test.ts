import assert from "node:assert/strict";
import { observeCall, WIRE_FAULTS } from "../grpc/mod.ts";
import { messageCodec } from "../grpc/messages/mod.ts";
import { checkClient } from "../ext_authz/mod.ts";
import { signNonce } from "../service/mod.ts";
import page from "../docs/policy.md" with { type: "text" };
import { FAULT_ANSWERS } from "./faults.ts";
import {
  type Policy,
  type PolicyAnswer,
  policyControlHandler,
  readRules,
  startPolicy,
} from "./mod.ts";

const SECRET = "of this run";
const NONCE = "case-0001";

/** Fenced examples whose info string starts with `info`, and the words after it. */
function examples(info: string): { text: string; words: string[] }[] {
  return [...page.matchAll(/^```(.*)\n([^]*?)^```$/gm)]
    .filter(([, head = ""]) => head.startsWith(info))
    .map(([, head = "", text = ""]) => ({
      text,
      words: head.slice(info.length).trim().split(" "),
    }));
}

/** The first column of the table whose head starts with `| fault ` and has `columns` columns. */
function faultsOfTable(columns: number): string[] {
  const lines = page.split("\n");
  const rows = lines.filter((line) => /^\| `[a-z_0-9]+` /.test(line));
  return rows.filter((line) => line.split("|").length === columns + 2)
    .map((line) => /`(.+?)`/.exec(line)?.[1] ?? "");
}

function ask(policy: Policy) {
  const headers = { "x-harness-case": signNonce(NONCE, SECRET), "x-api-key": "demo-key" };
  return observeCall({
    host: policy.host,
    port: policy.port,
    path: "/envoy.service.auth.v3.Authorization/Check",
    message: messageCodec("envoy.service.auth.v3.CheckRequest").encode({
      attributes: { request: { http: { headers } } },
    }),
  });
}

Deno.test("docs/policy.md: every rules example is taken", async () => {
  const all = examples("yaml rules");
  assert.equal(all.length, 3);
  for (const { text } of all) await readRules(text, "docs/policy.md");
});

const SCRIPTS = examples("json script");

Deno.test("docs/policy.md: there are script examples", () => {
  assert.ok(SCRIPTS.length >= 10);
});

for (const { text, words } of SCRIPTS) {
  Deno.test(`docs/policy.md: ${text.trim()} is answered as the text around it says`, async () => {
    await using policy = await startPolicy({ scriptSecret: SECRET });
    const answers = JSON.parse(text) as PolicyAnswer[];
    policy.scripts.set(NONCE, answers);
    const call = ask(policy);
    if (words.includes("hangs")) {
      await policy.journal.waitFor(({ nonce }) => nonce === NONCE);
      await policy.close();
      assert.match((await call).end, /^tcp/);
      return;
    }
    if (words.includes("waits")) {
      await policy.barriers.arrival(`${NONCE}/hold`);
      policy.barriers.release(`${NONCE}/hold`);
    }
    const seen = await call;
    assert.equal(seen.end, answers[0]?.fault === "tcp_rst" ? "tcp_rst" : "end_stream");
    assert.equal(policy.journal.entries()[0]?.nonce, NONCE);
  });
}

Deno.test("docs/policy.md: the tables name every fault once, and no other", () => {
  assert.deepEqual(faultsOfTable(2), [...WIRE_FAULTS]);
  assert.deepEqual(faultsOfTable(3), Object.keys(FAULT_ANSWERS));
});

Deno.test("docs/policy.md: the control call sets a script and returns the header to send", async () => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  const control = policyControlHandler(policy);
  const [example] = examples("bash");
  const [, url = "", body = ""] = /-sX PUT (\S+) -d '(.*)'/.exec(example?.text ?? "") ?? [];
  const answer = await control(new Request(url, { method: "PUT", body }));
  assert.deepEqual(await answer.json(), {
    header: { "x-harness-case": signNonce(NONCE, SECRET) },
    answers: 1,
  });
  await ask(policy);
  assert.equal(policy.journal.entries()[0]?.status, 429);
});

Deno.test("docs/policy.md: the table of control calls names every route", async () => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  const control = policyControlHandler(policy);
  const calls = [...page.matchAll(/`(PUT|POST|GET|DELETE) (\/__policy\/[^`?]*)/g)];
  assert.equal(calls.length, 8);
  for (const [, method = "", path = ""] of calls) {
    const url = `http://c${path.replace("NONCE", NONCE).replace("NAME", "b")}?deadline_ms=1`;
    const body = method !== "PUT" ? {} : {
      body: path.endsWith("rules") ? "version: v2\nrules: []" : '[{"allow": {}}]',
    };
    const response = await control(new Request(url, { method, ...body }));
    // Nobody waits at the barrier here: 504 is what the call says then.
    const want = path.endsWith("arrival") ? 504 : undefined;
    assert.ok(want === response.status || response.ok, `${method} ${path}: ${response.status}`);
  }
  assert.equal(policy.version, "v2");
});

/** Runs a TypeScript example and returns what it prints; its imports and files are those of this checkout. */
async function printed(example: string, files: Record<string, string>): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-docs-" });
  try {
    let text = example.replaceAll(
      /from "@llmgate\/llmgate\/(\w+)"/g,
      (_, room) => `from "${import.meta.resolve(`../${room}/mod.ts`)}"`,
    );
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
      text = text.replaceAll(`readTextFile("${name}")`, `readTextFile("${folder}/${name}")`);
    }
    // One process runs many tests: what this one prints is caught by a console of its own.
    const module = `const lines: unknown[] = [];
      const console = { log: (line: unknown) => lines.push(line) };
      ${text}
      export default lines.join("\\n");`;
    await Deno.writeTextFile(`${folder}/example.ts`, module);
    return (await import(`file://${folder}/example.ts`)).default;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("docs/policy.md: each TypeScript example prints what its last comment says", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-docs-" });
  await using _folder = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  await using recorded = await startPolicy({ recordFile: `${folder}/checks.jsonl` });
  using client = checkClient({ address: recorded.address });
  const http = {
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "x-api-key": "demo-key" },
  };
  assert.equal((await client.verdict({ attributes: { request: { http } } })).decision, "allow");
  await recorded[Symbol.asyncDispose]();
  const files = {
    "checks.jsonl": await Deno.readTextFile(`${folder}/checks.jsonl`),
    "rules.yaml": `version: v2
keys: [{ name: demo, key: demo-key, tenant: demo }]
rules: [{ name: closed, match: {}, deny: { status: 403, code: closed } }]`,
  };
  const all = examples("ts");
  assert.equal(all.length, 2);
  for (const { text } of all) {
    const said = /\/\/ (.+)\n$/.exec(text)?.[1] ?? "nothing";
    assert.equal((await printed(text, files)).split("\n")[0], said);
  }
});

Deno.test("policyControlHandler() refuses scripts without a secret, and broken ones with their place", async () => {
  await using plain = await startPolicy();
  await using policy = await startPolicy({ scriptSecret: SECRET });
  const put = (to: Policy, body: string) =>
    policyControlHandler(to)(
      new Request(`http://c/__policy/scripts/${NONCE}`, { method: "PUT", body }),
    );
  assert.equal((await put(plain, "[{allow: {}}]")).status, 409);
  const broken = await put(policy, "- allow: {}\n- { falt: x }\n");
  assert.equal(broken.status, 400);
  assert.match((await broken.json()).error.message, /script:2:5: 1\.falt: Expected no such key/);
  const get = await policyControlHandler(plain)(new Request("http://c/__policy/rules"));
  assert.equal(get.status, 405);
});
