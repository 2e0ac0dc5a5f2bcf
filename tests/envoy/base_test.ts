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

/** Sends bytes and returns everything that comes back until the connection ends or is silent. */
async function exchange(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
  let answer = "";
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  for (;;) {
    let count: number | null;
    try {
      count = await connection.read(buffer);
    } catch (error) {
      // RFC 9112 section 9.6: a server that closes with bytes unread makes TCP reset.
      if (error instanceof Deno.errors.ConnectionReset) return answer;
      throw error;
    }
    if (count === null) return answer;
    answer += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
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

Deno.test("names that only policy may set are absent when policy sets none", async () => {
  await using stack = await startEnvoyStack();
  const evil = [
    "X-Tenant: evil",
    "x-tenant:evil",
    "Connection: x-tenant, close",
    "x-llm-decision-id: evil",
  ].join("\r\n");
  const answer = await exchange(
    stack.port,
    `GET /v1/models HTTP/1.1\r\nHost: a\r\n${evil}\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1.1 200/);
  const headers = [...stack.forwarded[0]?.headers ?? []].map(([name, value]) =>
    `${name}: ${value}`
  );
  assert.doesNotMatch(headers.join("\n"), /evil|x-tenant/);
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

/** Requests that can be read in two ways, or not at all; each is refused with its status. */
const MALFORMED: readonly { what: string; request: string; status?: number }[] = [
  { what: "an escaped slash", request: "GET /v1/a%2Fb HTTP/1.1\r\nHost: a\r\n" },
  { what: "an escaped backslash", request: "GET /v1/a%5Cb HTTP/1.1\r\nHost: a\r\n" },
  { what: "a fragment", request: "GET /v1/models#x HTTP/1.1\r\nHost: a\r\n" },
  {
    what: "a name with an underscore",
    request: "GET /v1/m HTTP/1.1\r\nHost: a\r\nx_tenant: e\r\n",
  },
  { what: "no host", request: "GET /v1/models HTTP/1.1\r\n" },
  {
    what: "Content-Length beside Transfer-Encoding",
    request:
      "POST /v1/m HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
  },
  {
    what: "two lengths",
    request: "POST /v1/m HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n",
  },
  {
    what: "an unknown transfer coding",
    request: "POST /v1/m HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n",
    status: 501,
  },
  { what: "HTTP/1.0", request: "GET /v1/models HTTP/1.0\r\nHost: a\r\n", status: 426 },
  {
    what: "101 header lines",
    request: `GET /v1/m HTTP/1.1\r\nHost: a\r\n${"x: y\r\n".repeat(101)}`,
    status: 431,
  },
  {
    what: "a head of 61 KiB",
    request: `GET /v1/m HTTP/1.1\r\nHost: a\r\nx: ${"y".repeat(61 * 1024)}\r\n`,
    status: 431,
  },
];

/** Heads that clients send in good faith, and what each is told. */
const REFUSED_HEADS: Record<string, { head: string; status: number; code: string; says: RegExp }> =
  {
    "a model id with an escaped slash": {
      head: "GET /v1/models/org%2Fname HTTP/1.1\r\nhost: a\r\n\r\n",
      status: 400,
      code: "malformed_request",
      says: /escaped slash \(%2F, %5C\).*\/v1\/models\/org\/name/,
    },
    "a header with an underscore": {
      head: "GET /v1/models HTTP/1.1\r\nhost: a\r\nx_team: b\r\n\r\n",
      status: 400,
      code: "malformed_request",
      says: /underscore: write it with a hyphen/,
    },
    "HTTP/1.0": {
      head: "GET /v1/models HTTP/1.0\r\nhost: a\r\n\r\n",
      status: 426,
      code: "malformed_request",
      says: /low_version/,
    },
    "no host": {
      head: "GET /v1/models HTTP/1.1\r\n\r\n",
      status: 400,
      code: "malformed_request",
      says: /missing_host_header/,
    },
    "too many headers": {
      head: `GET /v1/models HTTP/1.1\r\nhost: a\r\n${"x: 1\r\n".repeat(120)}\r\n`,
      status: 431,
      code: "malformed_request",
      says: /too_many_headers/,
    },
    "a WebSocket upgrade": {
      head: "GET /v1/realtime?model=m HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\n" +
        "upgrade: websocket\r\nsec-websocket-version: 13\r\n" +
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      status: 426,
      code: "upgrade_not_offered",
      says: /No upgrade is offered here/,
    },
  };

Deno.test("each refused head says why, as an OpenAI error, and nobody behind sees it", async () => {
  await using stack = await startEnvoyStack();
  for (const [what, { head, status, code, says }] of Object.entries(REFUSED_HEADS)) {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: stack.port });
    await connection.write(new TextEncoder().encode(head));
    let answer = "";
    const buffer = new Uint8Array(8192);
    while (!answer.includes("}}")) {
      const count = await connection.read(buffer);
      if (count === null) break;
      answer += new TextDecoder().decode(buffer.subarray(0, count));
    }
    assert.equal(Number(answer.slice(9, 12)), status, `${what}: ${answer}`);
    assert.match(answer, /\r\ncontent-type: application\/json\r\n/, what);
    const { error } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
    assert.deepEqual(Object.keys(error), ["message", "type", "param", "code"]);
    assert.deepEqual([error.type, error.code], ["invalid_request_error", code], what);
    assert.match(error.message, says);
    assert.match(answer, /\r\nx-request-id: \S+\r\n/, what);
  }
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [0, 0]);
});

Deno.test("malformed requests are refused before policy, and their connections closed", async () => {
  await using stack = await startEnvoyStack();
  // Side by side: Envoy keeps a refused connection for a second, for its answer to arrive.
  await Promise.all(MALFORMED.map(async ({ what, request, status }) => {
    // A second request rides behind: it must never be read as one.
    const smuggled = "GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    const answer = await exchange(stack.port, `${request}\r\n${smuggled}`);
    assert.equal(answer.split("HTTP/1.1 ").length - 1, 1, `${what}: ${answer}`);
    assert.equal(Number(answer.slice(9, 12)), status ?? 400, `${what}: ${answer}`);
    assert.match(answer, /"type":"invalid_request_error","param":null,"code":"malformed_request"/);
    const id = /^x-request-id: (\S+)\r$/m.exec(answer)?.[1];
    assert.match(id ?? "", /^[0-9a-f-]{36}$/, what);
    const entry = await stack.log.waitFor(({ requestId }) => requestId === id);
    assert.equal(entry.status, status ?? 400);
  }));
  assert.deepEqual([stack.checks.length, stack.forwarded.length], [0, 0]);
});

Deno.test("dot segments and double slashes are resolved before policy and upstream see them", async () => {
  await using stack = await startEnvoyStack();
  await exchange(
    stack.port,
    "GET /v1/x/../%2e%2e/v1//models?a=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  assert.equal(stack.forwarded[0]?.url.pathname, "/v1/models");
  assert.match(stack.checks[0] ?? "", /\/v1\/models\?a=1/);
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
