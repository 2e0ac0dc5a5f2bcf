/** The console's data API, beside a policy stub and a mock that run. */
import assert from "node:assert/strict";
import { startPolicy } from "../policy/mod.ts";
import type { RequestRecord } from "../service/mod.ts";
import { startUpstream } from "../upstream/mod.ts";
import { createConsole } from "./app.ts";

const FACTS = {
  profile: "base",
  ingress: "http://127.0.0.1:1",
  services: {},
  envoy: { version: "1.40.0", config: "base.yaml", config_sha256: "abc", launched_sha256: "def" },
};

async function fixture() {
  await using stack = new AsyncDisposableStack();
  const policy = stack.use(await startPolicy());
  const upstream = stack.use(await startUpstream({ port: 0 }));
  const listeners = new Set<(record: RequestRecord) => void>();
  const page = stack.use(createConsole({
    policy,
    mocks: [upstream],
    onRequest: (listener) => {
      listeners.add(listener);
      return { [Symbol.dispose]: () => void listeners.delete(listener) };
    },
    facts: () => FACTS,
  }));
  const owned = stack.move();
  const ask = async (path: string, init?: RequestInit) => {
    const answer = await page.handle(new Request(`http://127.0.0.1${path}`, init));
    assert.ok(answer, path);
    return answer;
  };
  return {
    policy,
    upstream,
    ask,
    finish: (record: RequestRecord) => listeners.forEach((listener) => listener(record)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const RECORD: RequestRecord = {
  time: "2026-01-01T00:00:00.000Z",
  request_id: "r-1",
  method: "POST",
  path: "/v1/chat/completions?api_key=secret",
  status: 200,
  decision: "allow",
  reason: "demo",
  tenant: "acme",
  first_byte_ms: 1,
  total_ms: 2,
  bytes: 3,
  events: 4,
  flags: "-",
  ended: null,
  details: "via_upstream",
  model: "m",
  key: "demo",
  host: "127.0.0.1:1",
  attempts: 1,
  protocol: "HTTP/1.1",
  bytes_received: 2,
  tokens: { input: 1, output: 2, cached: 0 },
  policy_ms: 1,
  upstream_tx_ms: 1,
  upstream_rx_ms: 1,
};

Deno.test("a request is a row from its first sign to its end, and its secrets are not in it", async () => {
  await using run = await fixture();
  const { upstream, ask, finish } = run;
  const { cursor } = await (await ask("/api/v1/requests")).json();
  upstream.scripts.set("held", {
    steps: [{ event: { data: "{}" } }, { barrier: "go" }, { event: { data: "[DONE]" } }],
  });
  const streaming = await fetch(`${upstream.url}/v1/chat/completions?api_key=secret`, {
    method: "POST",
    headers: { "x-request-id": "r-1", "x-mock-script": "held" },
    body: "{}",
  });
  const reader = streaming.body?.getReader();
  await reader?.read();
  const during = await (await ask(`/api/v1/requests?after=${cursor}`)).json();
  assert.equal(during.reset, false);
  assert.deepEqual(
    during.requests.map(({ id, state }: { id: string; state: string }) => [id, state]),
    [
      ["r-1", "streaming"],
    ],
  );
  upstream.barriers.release("held/go");
  while (!(await reader?.read())?.done);
  finish(RECORD);
  const after = await (await ask("/api/v1/requests/r-1")).json();
  assert.deepEqual([after.state, after.status, after.tenant], ["done", 200, "acme"]);
  const lane = after.lanes.find(({ name }: { name: string }) => name === "upstream");
  assert.equal(lane.marks.length, 2);
  assert.deepEqual(after.tokens, { input: 1, output: 2, cached: 0 });
  assert.ok(!JSON.stringify(after).includes("secret"));
});

Deno.test("changes come as events, and go on after the cursor", async () => {
  await using run = await fixture();
  const { ask, finish } = run;
  await ask("/api/v1/requests");
  finish(RECORD);
  const reader = (await ask("/api/v1/events")).body?.pipeThrough(new TextDecoderStream())
    .getReader();
  let text = "";
  while (!text.includes("event: requests")) text += (await reader?.read())?.value ?? "";
  const [, id = ""] = /id: (\w+-\d+)/.exec(text) ?? [];
  await reader?.cancel();
  const later = await (await ask(`/api/v1/requests?after=${id}`)).json();
  assert.deepEqual(later.requests, []);
});

Deno.test("the policy's fault is switched on and off", async () => {
  await using run = await fixture();
  const { policy, ask } = run;
  const isUp = async () => {
    try {
      using _ = await Deno.connect({ hostname: "127.0.0.1", port: policy.port });
      return true;
    } catch {
      return false;
    }
  };
  await ask("/api/v1/faults/policy-down", { method: "PUT", body: "{}" });
  const { faults } = await (await ask("/api/v1/state")).json();
  assert.deepEqual(faults.map(({ name }: { name: string }) => name), ["policy-down"]);
  assert.equal(await isUp(), false);
  await ask("/api/v1/faults/policy-down", { method: "DELETE" });
  assert.equal(await isUp(), true);
});

Deno.test("the page runs its own script alone, and other paths are not the console's", async () => {
  await using run = await fixture();
  const { ask } = run;
  const page = await ask("/");
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.ok(policy.includes("script-src 'self'") && !policy.includes("unsafe"));
  assert.ok(!/<script(?![^>]*src=)|style=/.test(await page.text()));
  let size = 0;
  for (const file of ["/", "/console.js", "/console.css"]) {
    const text = await (await ask(file)).text();
    const zipped = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
    size += (await new Response(zipped).arrayBuffer()).byteLength;
  }
  assert.ok(size < 80_000, `${size} bytes, zipped`);
  assert.equal((await ask("/api/v1/nothing")).status, 404);
  await using other = createConsole({
    policy: undefined,
    mocks: [],
    onRequest: () => ({ [Symbol.dispose]: () => {} }),
    facts: () => FACTS,
  });
  assert.equal(other.handle(new Request("http://127.0.0.1/metrics")), undefined);
});

Deno.test("the API describes itself, and its page of the documentation names every path", async () => {
  await using run = await fixture();
  const { openapi, paths } = await (await run.ask("/api/v1/openapi.json")).json();
  assert.equal(openapi, "3.1.0");
  const docs = await Deno.readTextFile(new URL("../docs/console.md", import.meta.url));
  for (const path of Object.keys(paths)) {
    const last = path.split("/").filter((part) => !part.startsWith("{")).at(-1) ?? "";
    assert.ok(docs.includes(last), path);
  }
  assert.deepEqual(Object.keys(paths["/requests/{id}"]), ["get"]);
  assert.equal(
    paths["/rules/dry-run"].post.requestBody.content["application/json"].schema.type,
    "object",
  );
});

Deno.test("rules are read, tried and explained by everybody, and saved only where that is allowed", async () => {
  await using run = await fixture();
  const { ask } = run;
  const post = async (path: string, body: unknown, method = "POST") => {
    const answer = await ask(path, { method, body: JSON.stringify(body) });
    return { status: answer.status, json: await answer.json() };
  };
  const { json: { problems } } = await post("/api/v1/rules/check", {
    text: "rules:\n  - name: 3 4",
  });
  assert.ok(
    problems.length > 0 && problems.every(({ line }: { line: number }) => line > 0),
    JSON.stringify(problems),
  );
  const explained = await post("/api/v1/rules/explain", {
    request: { headers: { "X-API-Key": "demo-key" } },
  });
  assert.match(explained.json.says, /^rule 6 of 6/);
  const saved = await post("/api/v1/rules", { text: 'version: "2"\nrules: []' }, "PUT");
  assert.equal(saved.status, 400);
  assert.match(saved.json.error.message, /--console-write/);
  assert.equal(run.policy.version, "demo-1");
});

Deno.test("a cursor of another run is none: everything is told again, and that it is", async () => {
  await using run = await fixture();
  await run.ask("/api/v1/requests");
  run.finish(RECORD);
  const { reset, requests } = await (await run.ask("/api/v1/requests?after=0badc0de-7")).json();
  assert.deepEqual([reset, requests.length], [true, 1]);
});
