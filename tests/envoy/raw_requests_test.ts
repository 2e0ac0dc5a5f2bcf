/** Requests written byte by byte: what no HTTP client sends is refused, or told apart, before policy is asked. */
import assert from "node:assert/strict";
import { startEnvoyStack } from "./stack.ts";

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
