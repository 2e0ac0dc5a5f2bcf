import assert from "node:assert/strict";
import { FREE_PORTS, singleUpstream } from "../../gateway/mod.ts";
import { DONE, parseSse } from "../../openai/mod.ts";
import { type RequestRecord, UnavailableError, UsageError } from "../../service/mod.ts";
import { chat, OLDER_ENVOY, startTestGateway } from "../testing/stack.ts";

/** Statuses and codes of the demo rules, contract section "Errors". */
const DEMO_ANSWERS = [
  { key: "demo-key", status: 200, code: undefined },
  { key: "", status: 401, code: "missing_api_key" },
  { key: "nobody", status: 403, code: "invalid_api_key" },
  { key: "quota-key", status: 429, code: "quota_exceeded" },
];

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;

  Deno.test(`the demo rules answer as the contract says ${on}`, async () => {
    await using gateway = await startTestGateway(envoyVersion ? { envoyVersion } : {});
    for (const { key, status, code } of DEMO_ANSWERS) {
      const response = await chat(gateway, { key });
      const body = await response.json();
      assert.equal(response.status, status, `key "${key}"`);
      assert.equal(body.error?.code, code);
      assert.equal(response.headers.get("x-llm-deny-code") ?? undefined, code);
      assert.ok(response.headers.get("x-request-id"));
      if (status === 401) assert.equal(response.headers.get("www-authenticate"), "Bearer");
      if (status === 429) assert.ok(response.headers.get("retry-after"));
    }
  });

  Deno.test(`a stream ends with [DONE] ${on}`, async () => {
    await using gateway = await startTestGateway(envoyVersion ? { envoyVersion } : {});
    const response = await chat(gateway, { stream: true });
    const { events } = parseSse(await response.text());
    assert.match(response.headers.get("content-type") ?? "", /^text\/event-stream\b/);
    assert.equal(events.at(-1)?.data, DONE);
  });
}

Deno.test("a finished request is one record that joins Envoy, policy and the mock", async () => {
  const records: RequestRecord[] = [];
  const heard = Promise.withResolvers<void>();
  await using gateway = await startTestGateway({
    onRequest: (record) => {
      records.push(record);
      heard.resolve();
    },
  });
  const response = await chat(gateway, { stream: true });
  await response.text();
  await heard.promise;
  const [record] = records;
  assert.equal(records.length, 1);
  assert.equal(record?.request_id, response.headers.get("x-request-id"));
  assert.equal(record?.decision, "allow");
  assert.equal(record?.tenant, "demo");
  assert.ok((record?.events ?? 0) > 2);
  assert.ok((record?.bytes ?? 0) > 100);
});

Deno.test("policy that went away fails closed with 503, and recovers when it is back", async () => {
  await using gateway = await startTestGateway();
  await gateway.policy?.close();
  const refused = await chat(gateway);
  assert.equal(refused.status, 503);
  assert.equal((await refused.json()).error.code, "policy_unavailable");
  assert.equal(gateway.part.mock?.journal.entries().length, 0);
  await gateway.policy?.reopen();
  // Envoy dials again after its own back-off; each refusal meanwhile must be a 503.
  let response = await chat(gateway);
  while (response.status === 503) {
    await response.body?.cancel();
    response = await chat(gateway);
  }
  assert.equal(response.status, 200);
  await response.body?.cancel();
});

Deno.test("swapping policy and upstream leaves both configuration hashes as they are", async () => {
  await using first = await startTestGateway();
  await using second = await startTestGateway({
    policy: { host: first.policy?.host ?? "", port: first.policy?.port ?? 0 },
    profile: singleUpstream({ upstream: { url: `${first.part.mock?.url}/v1` } }),
  });
  assert.equal(second.envoy.configSha256, first.envoy.configSha256);
  assert.equal(second.envoy.launchedSha256, first.envoy.launchedSha256);
  assert.equal(second.policy, undefined);
  assert.equal((await chat(second).then((response) => response.json())).object, "chat.completion");
});

Deno.test("a taken port is named before anything starts", async () => {
  await using gateway = await startTestGateway();
  const port = Number(new URL(gateway.url).port);
  await assert.rejects(
    startTestGateway({ ports: { ...FREE_PORTS, ingress: port } }),
    (error) =>
      error instanceof UnavailableError && error.message.includes(`:${port}`) &&
      /envoy \(pid \d+\)/.test(error.message) && error.message.includes("--port"),
  );
});

Deno.test("one port for two listeners is a usage error that names both flags", async () => {
  await assert.rejects(
    startTestGateway({ ports: { ingress: 18_999, admin: 18_999 } }),
    (error) =>
      error instanceof UsageError &&
      error.message === "Cannot use port 18999 twice: it is the value of --port and --admin-port",
  );
});

Deno.test("a start that is interrupted leaves no run directory", async () => {
  const parent = await Deno.makeTempDir();
  const signal = AbortSignal.abort(new Error("interrupted"));
  await assert.rejects(startTestGateway({ signal, runParents: [parent] }), /interrupted/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(parent)), []);
  await Deno.remove(parent);
});

Deno.test("a killed Envoy is reported with its last words", async () => {
  await using gateway = await startTestGateway();
  Deno.kill(gateway.envoy.pid, "SIGKILL");
  assert.match((await gateway.failed).message, /Envoy ended by itself: signal SIGKILL/);
  await Deno.remove(gateway.runDir, { recursive: true });
});

Deno.test("two gateways run side by side", async () => {
  await using first = await startTestGateway();
  await using second = await startTestGateway();
  const [left, right] = await Promise.all([chat(first), chat(second)]);
  assert.deepEqual([left.status, right.status], [200, 200]);
  await Promise.all([left.body?.cancel(), right.body?.cancel()]);
});

Deno.test("the control listener serves health, metrics and journals", async () => {
  await using gateway = await startTestGateway();
  await (await chat(gateway)).body?.cancel();
  const get = async (path: string) => await (await fetch(`${gateway.control.url}${path}`)).text();
  assert.equal(await get("/healthz"), '{"status":"ok"}');
  assert.match(await get("/metrics"), /^# HELP /);
  const lines = (await get("/journal/policy")).trim().split("\n").map((line) => JSON.parse(line));
  assert.ok(lines.some(({ decision }) => decision === "allow"));
  for (const journal of ["/journal/policy", "/journal/upstream"]) {
    assert.ok(!(await get(journal)).includes("demo-key"), journal);
  }
});

Deno.test("the provider's key takes the place of the client's, and shows nowhere else", async () => {
  const providerKey = "sk-provider-secret-of-this-test";
  const logged: string[] = [];
  await using gateway = await startTestGateway({ providerKey, log: (line) => logged.push(line) });
  for (const headers of [{ "x-api-key": "demo-key" }, { authorization: "Bearer demo-key" }]) {
    const response = await chat(gateway, { key: "", headers });
    assert.equal(response.status, 200);
    await response.body?.cancel();
    const seen = new Map(gateway.part.mock?.journal.entries().at(-1)?.headers);
    assert.equal(seen.get("authorization"), `Bearer ${providerKey}`);
    assert.equal(seen.get("x-api-key"), undefined);
  }
  const journals = await Promise.all(
    ["/journal/policy", "/journal/upstream", "/metrics"].map(async (path) =>
      await (await fetch(`${gateway.control.url}${path}`)).text()
    ),
  );
  const files = await Promise.all(
    [gateway.envoy.logPath, gateway.envoy.accessLogPath, gateway.envoy.launchedPath].map((path) =>
      Deno.readTextFile(path)
    ),
  );
  for (const text of [...logged, ...journals, ...files]) {
    assert.ok(!text.includes(providerKey));
    assert.ok(!text.includes("demo-key"));
  }
});
