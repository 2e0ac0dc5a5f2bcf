import assert from "node:assert/strict";
import { connectGrpc, type JsonObject } from "../grpc/mod.ts";
import { checkClient } from "../ext_authz/mod.ts";
import { signNonce } from "../service/mod.ts";
import { type Policy, type PolicyAnswer, type PolicyOptions, startPolicy } from "./mod.ts";

const SECRET = "of this run";

/** A Check as Envoy sends it. */
export function ask(headers: Record<string, string>, http: JsonObject = {}): JsonObject {
  return {
    attributes: {
      source: { address: { socket_address: { address: "127.0.0.1", port_value: 40000 } } },
      request: { http: { method: "POST", path: "/v1/chat/completions", headers, ...http } },
    },
  };
}

interface Reply {
  status?: { code?: number };
  ok_response?: {
    headers?: { header: { key: string; value: string }; append_action?: string }[];
    headers_to_remove?: string[];
  };
  denied_response?: {
    status: { code: string | number };
    headers: { header: { key: string; value: string }; append_action?: string }[];
    body: string;
  };
  dynamic_metadata?: Record<string, unknown>;
}

async function check(policy: Policy, request: JsonObject): Promise<Reply> {
  using client = checkClient({ address: policy.address });
  return await client.check(request) as Reply;
}

function headersOf(list: { header: { key: string; value: string } }[] = []) {
  return Object.fromEntries(list.map(({ header }) => [header.key, header.value ?? ""]));
}

for (const engine of ["native", "grpc-js"] as const) {
  Deno.test.each([
    { why: "x-api-key", headers: { "x-api-key": "demo-key" } },
    { why: "Bearer", headers: { authorization: "Bearer demo-key" } },
    { why: "bearer in another case", headers: { authorization: "bearer  demo-key" } },
  ])(`startPolicy() on ${engine} allows the demo key as $why`, async ({ headers }) => {
    await using policy = await startPolicy({ engine });
    const reply = await check(policy, ask(headers as unknown as Record<string, string>));
    assert.equal(reply.status?.code ?? 0, 0);
    const set = headersOf(reply.ok_response?.headers);
    assert.match(set["x-llm-decision-id"] ?? "", /^[0-9a-f]{8}-\d{10}$/);
    assert.equal(set["x-llm-policy-version"], "demo-1");
    assert.equal(set["x-tenant"], "demo");
    assert.equal(Object.keys(set).length, 3);
    assert.equal(reply.ok_response?.headers_to_remove, undefined);
    for (const option of reply.ok_response?.headers ?? []) {
      assert.equal(option.append_action, "OVERWRITE_IF_EXISTS_OR_ADD");
    }
    assert.equal(reply.dynamic_metadata?.["decision"], "allow");
    assert.equal(reply.dynamic_metadata?.["tenant"], "demo");
  });
}

Deno.test.each([
  {
    code: "missing_api_key",
    status: "Unauthorized",
    headers: {},
    extra: ["www-authenticate", "Bearer"],
  },
  {
    code: "missing_api_key",
    status: "Unauthorized",
    headers: { authorization: "Basic ZGVtbzprZXk=" },
    extra: ["www-authenticate", "Bearer"],
  },
  {
    code: "invalid_api_key",
    status: "Forbidden",
    headers: { "x-api-key": "demo-kez" },
    extra: ["content-type", "application/json"],
  },
  {
    code: "quota_exceeded",
    status: "TooManyRequests",
    headers: { "x-api-key": "quota-key" },
    extra: ["retry-after", "30"],
  },
])("startPolicy() denies $headers with $code", async ({ code, status, headers, extra }) => {
  await using policy = await startPolicy();
  const reply = await check(policy, ask(headers as unknown as Record<string, string>));
  assert.notEqual(reply.status?.code ?? 0, 0);
  assert.equal(reply.denied_response?.status.code, status);
  const { error } = JSON.parse(reply.denied_response?.body ?? "{}");
  assert.deepEqual({ ...error, message: "" }, {
    message: "",
    type: "policy_error",
    param: null,
    code,
  });
  const set = headersOf(reply.denied_response?.headers);
  assert.equal(set["x-llm-deny-code"], code);
  assert.equal(set["content-type"], "application/json");
  assert.equal(set[extra[0] ?? ""], extra[1]);
  assert.deepEqual(reply.dynamic_metadata?.["code"], code);
});

Deno.test("startPolicy() gives every allowed request a decision id of its own", async () => {
  await using policy = await startPolicy();
  const ids = new Set<string>();
  for (let i = 0; i < 20; i++) {
    const reply = await check(policy, ask({ "x-api-key": "demo-key" }));
    ids.add(headersOf(reply.ok_response?.headers)["x-llm-decision-id"] ?? "");
  }
  assert.equal(ids.size, 20);
  assert.deepEqual(new Set(policy.journal.entries().map(({ decisionId }) => decisionId)), ids);
});

Deno.test("startPolicy() sets the provider's key in place of the client's, and keeps it to itself", async () => {
  const lines: string[] = [];
  await using policy = await startPolicy({
    providerKey: "sk-provider",
    log: (line) => lines.push(line),
  });
  const reply = await check(policy, ask({ "x-api-key": "demo-key" }));
  assert.equal(headersOf(reply.ok_response?.headers)["authorization"], "Bearer sk-provider");
  assert.deepEqual(reply.ok_response?.headers_to_remove, ["x-api-key"]);
  const kept = JSON.stringify(policy.journal.entries()) + lines.join() + await policy.metrics();
  assert.doesNotMatch(kept, /sk-provider|demo-key/);
});

Deno.test("startPolicy() keeps no secret in its journal, wherever the client put it", async () => {
  await using policy = await startPolicy();
  const secrets = {
    "x-api-key": "demo-key",
    authorization: "Bearer sk-other",
    cookie: "session=c00kie",
    "x-copy": "my key is demo-key",
    ":path": "/v1/models?api_key=s3cret&x=1",
  };
  await check(policy, ask(secrets, { path: "/v1/models?api_key=s3cret&x=1" }));
  const [entry] = policy.journal.entries();
  assert.doesNotMatch(JSON.stringify(entry), /demo-key|sk-other|c00kie|s3cret/);
  assert.equal(entry?.headers["x-api-key"], "[key:demo]");
  assert.equal(entry?.headers["x-copy"], "my key is [key:demo]");
  assert.equal(entry?.path, "/v1/models?api_key=[redacted]&x=1");
});

Deno.test("startPolicy() counts decisions, and health says it serves", async () => {
  await using policy = await startPolicy();
  for (const key of ["demo-key", "demo-key", "wrong"]) {
    await check(policy, ask({ "x-api-key": key }));
  }
  const text = await policy.metrics();
  assert.match(text, /llmgate_policy_checks_total\{decision="allow",rule="allow",code=""\} 2\n/);
  assert.match(text, /\{decision="deny",rule="invalid-key",code="invalid_api_key"\} 1\n/);
  assert.match(text, /llmgate_policy_check_seconds_count 3\n/);
  using client = connectGrpc({ address: policy.address });
  const answer = await client.unary("/grpc.health.v1.Health/Check", new Uint8Array(0));
  assert.deepEqual([...answer], [8, 1]);
});

Deno.test("startPolicy() refuses bytes that are no CheckRequest with INVALID_ARGUMENT", async () => {
  await using policy = await startPolicy();
  using client = checkClient({ address: policy.address });
  await assert.rejects(client.checkBytes(new Uint8Array([0xff, 0xff])), { code: 3 });
});

Deno.test("Policy.reload() takes new rules at once and keeps the old ones when they are broken", async () => {
  await using policy = await startPolicy();
  await policy.reload("version: v2\nrules: [{ name: open, allow: {} }]");
  assert.equal(policy.version, "v2");
  const reply = await check(policy, ask({}));
  assert.equal(headersOf(reply.ok_response?.headers)["x-tenant"], "anonymous");
  await assert.rejects(policy.reload("version: v3\nrules: [{ name: open }]"), /rules:2:9/);
  assert.equal(policy.version, "v2");
});

Deno.test("startPolicy() reads its rules file again when it changes, and survives a broken one", async () => {
  const folder = await Deno.makeTempDir();
  const rulesFile = `${folder}/rules.yaml`;
  await Deno.writeTextFile(rulesFile, "version: v1\nrules: []\n");
  const lines: string[] = [];
  let wake = () => {};
  const log = (line: string) => {
    lines.push(line);
    wake();
  };
  const line = async (wanted: RegExp) => {
    while (!wanted.test(lines.at(-1) ?? "")) await new Promise<void>((resolve) => wake = resolve);
    return lines.at(-1) ?? "";
  };
  // As editors do: never a moment with half a file.
  const write = async (text: string) => {
    await Deno.writeTextFile(`${folder}/new.yaml`, text);
    await Deno.rename(`${folder}/new.yaml`, rulesFile);
  };
  {
    await using policy = await startPolicy({ rulesFile, log });
    await write("version: v2\nrules: nonsense\n");
    assert.match(
      await line(/stay in force/),
      /rules "v1" stay in force: .*\n.*rules\.yaml:2:1: rules: Expected/,
    );
    assert.equal(policy.version, "v1");
    await write("version: v3\nrules: []\n");
    await line(/rules "v3" are in force/);
    assert.equal(policy.version, "v3");
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("startPolicy() rejects with the position when the rules are broken from the start", async () => {
  await assert.rejects(startPolicy({ rules: "version: v1\n" }), /rules:1:1: rules: Expected/);
  await assert.rejects(
    startPolicy({ rulesFile: "/nowhere/rules.yaml" }),
    /Cannot read the rules file/,
  );
});

/** Asks with a signed nonce. */
function signed(nonce: string, secret = SECRET): JsonObject {
  return ask({ "x-api-key": "demo-key", "x-harness-case": signNonce(nonce, secret) });
}

Deno.test("Policy.scripts answers a signed nonce in sequence, and the last answer repeats", async () => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  policy.scripts.set("case-0001", [{ deny: { status: 429 } }, { rules: true }, {
    deny: { status: 451, body: "no" },
  }]);
  const codes = [];
  for (let i = 0; i < 4; i++) {
    codes.push((await check(policy, signed("case-0001"))).denied_response?.status.code ?? 200);
  }
  assert.deepEqual(codes, ["TooManyRequests", 200, 451, 451]);
  assert.deepEqual(policy.journal.entries().map((e) => [e.nonce, e.decision, e.rule]), [
    ["case-0001", "deny", "script"],
    ["case-0001", "allow", "allow"],
    ["case-0001", "deny", "script"],
    ["case-0001", "deny", "script"],
  ]);
  policy.scripts.delete("case-0001");
  assert.equal((await check(policy, signed("case-0001"))).denied_response, undefined);
});

Deno.test.each<{ why: string; options: PolicyOptions; header: string }>([
  { why: "no secret is configured", options: {}, header: signNonce("case-0002", SECRET) },
  {
    why: "another secret signed",
    options: { scriptSecret: SECRET },
    header: signNonce("case-0002", "guessed"),
  },
  { why: "nobody signed", options: { scriptSecret: SECRET }, header: "case-0002" },
  { why: "the signature is empty", options: { scriptSecret: SECRET }, header: "case-0002." },
])("Policy.scripts is no bypass when $why", async ({ options, header }) => {
  await using policy = await startPolicy(options);
  if (options.scriptSecret === undefined) {
    assert.throws(
      () => policy.scripts.set("case-0002", [{ allow: {} }]),
      /without a script secret/,
    );
  } else policy.scripts.set("case-0002", [{ allow: {} }]);
  const reply = await check(policy, ask({ "x-harness-case": header }));
  assert.equal(reply.denied_response?.status.code, "Unauthorized");
});

Deno.test("Policy.scripts holds an answer at a barrier until it is released", async () => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  policy.scripts.set("case-0003", [{ allow: {}, barrier: "hold" }]);
  const answer = check(policy, signed("case-0003"));
  await policy.barriers.arrival("case-0003/hold");
  const [entry] = policy.journal.entries();
  assert.equal(entry?.answeredAt, undefined);
  policy.barriers.release("case-0003/hold");
  assert.equal((await answer).status?.code ?? 0, 0);
  assert.notEqual(entry?.answeredAt, undefined);
});

Deno.test("Policy.scripts hangs until the caller gives up, and the journal says so", async () => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  policy.scripts.set("case-0004", [{ hang: true }]);
  using client = checkClient({ address: policy.address });
  const abort = new AbortController();
  const call = client.check(signed("case-0004"), { signal: abort.signal });
  await policy.journal.waitFor(({ nonce }) => nonce === "case-0004");
  abort.abort();
  await assert.rejects(call, { code: 1 });
  const entry = await policy.journal.waitFor(({ cancelledAt }) => cancelledAt !== undefined);
  assert.equal(entry.answeredAt, undefined);
});

Deno.test("Policy.scripts answers with any gRPC status, and with a response verbatim", async () => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  for (let code = 1; code <= 16; code++) {
    policy.scripts.set("case-0005", [{ grpc: { code, message: `status ${code}` } }]);
    await assert.rejects(check(policy, signed("case-0005")), { code, details: `status ${code}` });
  }
  const response = { status: { code: 7 }, dynamic_metadata: { a: [1, { b: null }] } };
  policy.scripts.set("case-0005", [{ response }]);
  assert.deepEqual(await check(policy, signed("case-0005")), response);
});

Deno.test.each<{ why: string; answers: unknown[]; want: RegExp }>([
  { why: "no answer", answers: [], want: /answers\./ },
  { why: "two answers in one", answers: [{ allow: {}, hang: true }], want: /exactly one of/ },
  { why: "an unknown fault", answers: [{ fault: "nope" }], want: /answers\.0\.fault/ },
  {
    why: "a length of what has none",
    answers: [{ fault: "tcp_fin", bytes: 100 }],
    want: /answers\.0\.bytes: Expected only with "fault: oversized"/,
  },
  {
    why: "an unknown field in a response",
    answers: [{ response: { okay: {} } }],
    want: /key "okay" is unknown: it has status, /,
  },
])("Policy.scripts refuses $why", async ({ answers, want }) => {
  await using policy = await startPolicy({ scriptSecret: SECRET });
  assert.throws(() => policy.scripts.set("case-0006", answers as PolicyAnswer[]), want);
});

Deno.test("Policy.close() drops every connection, and reopen() serves on the same port again", async () => {
  await using policy = await startPolicy();
  const { port } = policy;
  await policy.close();
  await assert.rejects(Deno.connect({ port }), Deno.errors.ConnectionRefused);
  await policy.reopen();
  assert.equal(policy.port, port);
  assert.equal((await check(policy, ask({}))).denied_response?.status.code, "Unauthorized");
});

Deno.test("startPolicy() stops when its signal aborts", async () => {
  const abort = new AbortController();
  const policy = await startPolicy({ signal: abort.signal });
  abort.abort();
  await policy[Symbol.asyncDispose]();
  await assert.rejects(Deno.connect({ port: policy.port }), Deno.errors.ConnectionRefused);
});
