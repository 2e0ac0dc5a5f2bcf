import assert from "node:assert/strict";
import http2 from "node:http2";
import { bundledConfig, parseEnvoyConfig } from "../../envoy/mod.ts";
import { allow, allowWithQuery, deny, startEnvoyStack } from "./stack.ts";

/** A port that nobody listens on, and that no other test is given meanwhile (tcpmux, RFC 1078). */
const CLOSED_PORT = 1;

/** The shape of every error that the gateway makes itself. */
async function errorOf(
  response: Response,
): Promise<{ status: number; type: string; code: string }> {
  assert.equal(response.headers.get("content-type"), "application/json");
  const { error } = await response.json();
  assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
  assert.equal(error.param, null);
  return { status: response.status, type: error.type, code: error.code };
}

Deno.test("/healthz is answered by Envoy itself, policy not asked", async () => {
  await using stack = await startEnvoyStack();
  stack.policy = deny(403, "no");
  const response = await fetch(`${stack.url}/healthz`);
  assert.deepEqual([response.status, await response.json()], [200, { status: "ok" }]);
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [0, 0]);
});

Deno.test("a path without a route is 404 in the OpenAI shape, and goes nowhere", async () => {
  await using stack = await startEnvoyStack();
  for (const path of ["/", "/v1", "/admin", "/stats", "/healthz/x", "/V1/models"]) {
    assert.deepEqual(await errorOf(await fetch(stack.url + path)), {
      status: 404,
      type: "invalid_request_error",
      code: "not_found",
    });
  }
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [0, 0]);
});

Deno.test("an allowed request reaches the upstream with the policy's headers only", async () => {
  await using stack = await startEnvoyStack();
  stack.policy = allow({ "x-tenant": "acme" });
  const response = await fetch(`${stack.url}/v1/models`, {
    headers: {
      "X-Tenant": "evil",
      "x-llm-decision-id": "evil",
      "X-LLM-Policy-Version": "evil",
      "x-envoy-upstream-rq-timeout-ms": "1",
      "x-envoy-max-retries": "9",
      "openai-organization": "org",
    },
  });
  await response.body?.cancel();
  const [seen] = stack.forwarded;
  assert.ok(seen);
  assert.equal(seen.headers.get("x-tenant"), "acme");
  assert.equal(seen.headers.get("openai-organization"), "org");
  assert.equal(seen.headers.get("x-request-id"), response.headers.get("x-request-id"));
  const names = [...seen.headers.keys()].filter((name) => /^x-/.test(name));
  assert.deepEqual(names, ["x-forwarded-for", "x-forwarded-proto", "x-request-id", "x-tenant"]);
  // Policy did not see the client's copies either.
  assert.equal(stack.checks.length, 1);
  assert.doesNotMatch(stack.checks[0] ?? "", /evil/);
});

Deno.test("Envoy adds no header to a response but date and x-request-id", async () => {
  await using stack = await startEnvoyStack();
  stack.upstream = () =>
    new Response("hi", { headers: { server: "mine", "x-ratelimit-limit": "7" } });
  const response = await fetch(`${stack.url}/v1/models`, {
    headers: { "x-request-id": "my-own-id" },
  });
  await response.body?.cancel();
  assert.deepEqual([...response.headers.keys()], [
    "content-length",
    "content-type",
    "date",
    "server",
    "x-ratelimit-limit",
    "x-request-id",
  ]);
  assert.equal(response.headers.get("server"), "mine");
  assert.equal(response.headers.get("x-request-id"), "my-own-id");
});

Deno.test("a policy's own denial is passed on byte for byte, whatever its status", async () => {
  await using stack = await startEnvoyStack();
  for (const status of [401, 403, 404, 429, 503]) {
    const body = `{"error":{"code":"mine-${status}"}}`;
    stack.policy = deny(status, body);
    const response = await fetch(`${stack.url}/v1/models`);
    assert.deepEqual([response.status, await response.text()], [status, body]);
    assert.ok(response.headers.get("x-request-id"));
  }
  assert.equal(stack.forwarded.length, 0);
});

Deno.test("a policy that is not there fails closed with 503", async () => {
  await using stack = await startEnvoyStack({
    overlay: { clusters: { policy_engine: { host: "127.0.0.1", port: CLOSED_PORT } } },
  });
  assert.deepEqual(await errorOf(await fetch(`${stack.url}/v1/models`)), {
    status: 503,
    type: "policy_error",
    code: "policy_unavailable",
  });
  assert.equal(stack.forwarded.length, 0);
});

Deno.test("a policy that never answers fails closed with 503 after its 2 s", async () => {
  await using stack = await startEnvoyStack();
  stack.policy = "hang";
  assert.equal((await errorOf(await fetch(`${stack.url}/v1/models`))).code, "policy_unavailable");
  const entry = await stack.log.waitFor(({ decision }) => decision === "error");
  assert.equal(entry.codeDetails, "ext_authz_error");
  // Envoy's own clock, and only that it was the 2 s and not the default 200 ms.
  const { durationMs = 0 } = entry;
  assert.ok(durationMs >= 1_900, String(entry.durationMs));
  assert.equal(stack.forwarded.length, 0);
});

for (
  const { bytes, what } of [
    { what: "no protobuf", bytes: [0xff, 0xff, 0xff], code: "policy_unavailable" },
    { what: "a header with a line break", bytes: [...allow({ "x-a": "b\r\nx-tenant: evil" })] },
  ]
) {
  Deno.test(`a policy's answer with ${what} fails closed with 503`, async () => {
    await using stack = await startEnvoyStack();
    stack.policy = new Uint8Array(bytes);
    assert.deepEqual(await errorOf(await fetch(`${stack.url}/v1/models`)), {
      status: 503,
      type: "policy_error",
      code: "policy_unavailable",
    });
    assert.equal(stack.forwarded.length, 0);
  });
}

Deno.test("policy sets headers for the upstream and does not steer Envoy", async () => {
  await using stack = await startEnvoyStack();
  stack.policy = allow({ ":path": "/v1/other", "x-envoy-max-retries": "9", authorization: "key" });
  await (await fetch(`${stack.url}/v1/models`)).body?.cancel();
  const [seen] = stack.forwarded;
  assert.ok(seen);
  assert.equal(seen.url.pathname, "/v1/models");
  assert.equal(seen.headers.get("authorization"), "key");
  assert.equal(seen.headers.get("x-envoy-max-retries"), null);
});

Deno.test("policy may set a query parameter", async () => {
  await using stack = await startEnvoyStack();
  stack.policy = allowWithQuery("tier", "gold");
  await (await fetch(`${stack.url}/v1/models?a=1`)).body?.cancel();
  assert.deepEqual([...stack.forwarded[0]?.url.searchParams ?? []], [["a", "1"], ["tier", "gold"]]);
});

Deno.test("a client beyond the rate limit gets 429 with retry-after, policy not asked", async () => {
  // The bundled bucket of 40,000 cannot be emptied here; the filter and its reply are the same.
  const tiny = bundledConfig("base").text.replace("max_tokens: 40000", "max_tokens: 1")
    .replace("tokens_per_fill: 20000", "tokens_per_fill: 1").replace(
      /(fill_interval:) 1s/,
      "$1 3600s",
    );
  await using stack = await startEnvoyStack({ config: await parseEnvoyConfig(tiny, "tiny.yaml") });
  await (await fetch(`${stack.url}/v1/models`)).body?.cancel();
  const refused = await fetch(`${stack.url}/v1/models`);
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.deepEqual(await errorOf(refused), {
    status: 429,
    type: "rate_limit_error",
    code: "gateway_rate_limited",
  });
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [1, 1]);
});

Deno.test("an upstream that is not there is 503 in the OpenAI shape", async () => {
  await using stack = await startEnvoyStack({
    overlay: { clusters: { upstream: { host: "127.0.0.1", port: CLOSED_PORT } } },
  });
  assert.deepEqual(await errorOf(await fetch(`${stack.url}/v1/models`)), {
    status: 503,
    type: "upstream_error",
    code: "upstream_unavailable",
  });
});

Deno.test("an upstream's own error is passed on byte for byte, asked once", async () => {
  await using stack = await startEnvoyStack();
  for (const status of [400, 404, 429, 500, 503]) {
    stack.upstream = () => new Response(`upstream says ${status}`, { status });
    const response = await fetch(`${stack.url}/v1/chat/completions`, {
      method: "POST",
      body: "{}",
    });
    assert.deepEqual([response.status, await response.text()], [status, `upstream says ${status}`]);
  }
  assert.equal(stack.forwarded.length, 5);
});

Deno.test("HTTP/2 with prior knowledge works on the same port", async () => {
  await using stack = await startEnvoyStack();
  const session = http2.connect(stack.url);
  const { status, text } = await getOver(session, "/v1/models");
  assert.deepEqual([status, JSON.parse(text)], [200, { ok: true }]);
  session.destroy();
  const entry = await stack.log.waitFor(({ path }) => path === "/v1/models");
  assert.equal(entry.protocol, "HTTP/2");
});

Deno.test("the path prefix of an upstream is kept, and Host is the upstream's own", async () => {
  await using stack = await startEnvoyStack({
    overlay: { pathPrefixes: { upstream: "/gateway" } },
  });
  await (await fetch(`${stack.url}/v1/models?a=1`)).body?.cancel();
  const url = stack.forwarded[0]?.url;
  assert.ok(url);
  assert.equal(url.pathname + url.search, "/gateway/v1/models?a=1");
  assert.notEqual(url.host, new URL(stack.url).host);
});

Deno.test("the access log never holds a query or a credential", async () => {
  await using stack = await startEnvoyStack();
  await (await fetch(`${stack.url}/v1/models?api-key=canary-query`, {
    headers: { authorization: "Bearer canary-bearer", "x-api-key": "canary-key" },
  })).body?.cancel();
  await stack.log.waitFor(({ path }) => path === "/v1/models");
  assert.doesNotMatch(await Deno.readTextFile(stack.envoy.accessLogPath), /canary/);
  assert.doesNotMatch(await Deno.readTextFile(stack.envoy.logPath), /canary/);
});

async function getOver(
  session: http2.ClientHttp2Session,
  path: string,
): Promise<{ status: number; text: string }> {
  const answer = Promise.withResolvers<{ status: number; text: string }>();
  const stream = session.request({ ":path": path });
  let [status, text] = [0, ""];
  stream.on("response", (headers) => status = Number(headers[":status"]));
  stream.on("data", (chunk: Uint8Array) => text += new TextDecoder().decode(chunk));
  stream.on("end", () => answer.resolve({ status, text }));
  stream.on("error", answer.reject);
  stream.end();
  return await answer.promise;
}
