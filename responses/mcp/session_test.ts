import assert from "node:assert/strict";
import {
  errorTo,
  type McpPost,
  resultOf,
  type ScriptedMcp,
  startScriptedMcp,
} from "../testing/mcp_server.ts";
import { outbound } from "../../outbound/mod.ts";
import { type Limit, mcpConnector, type McpSession } from "./session.ts";

const never = new AbortController().signal;
const HERE = outbound({ allow: ["127.0.0.1"] });

type Script = (post: McpPost) => Response | Promise<Response>;

/** A server of revision 2026-07-28 that answers `script` to all but the discovery. */
function startModern(script: Script): ScriptedMcp {
  return startScriptedMcp((post) =>
    post.method === "server/discover"
      ? resultOf(post, { supportedVersions: ["2026-07-28"] })
      : script(post)
  );
}

/** A server of revision 2025-06-18 with sessions `s1`, `s2` …, one for each handshake. */
function startLegacy(script: Script): ScriptedMcp {
  let sessions = 0;
  return startScriptedMcp((post) => {
    if (post.http === "DELETE") return new Response(null, { status: 405 });
    if (post.method === "initialize") {
      const headers = { "mcp-session-id": `s${++sessions}` };
      return resultOf(post, { protocolVersion: "2025-06-18", capabilities: {} }, { headers });
    }
    if (post.method?.startsWith("notifications/")) return new Response(null, { status: 202 });
    if (post.headers.get("mcp-session-id") === null) return new Response(null, { status: 400 });
    return script(post);
  });
}

function open({ url }: ScriptedMcp, limit?: Limit): McpSession {
  const headers = { Authorization: "Bearer secret", Accept: "text/html", "X-Team": "a" };
  return mcpConnector(HERE, limit)({ url, headers });
}

/** An event stream with these messages; it stays open unless told to end. */
function eventStream(messages: readonly unknown[], { open = true, id = "" } = {}): Response {
  const text = messages.map((message) =>
    `${id && `id: ${id}\nretry: 1\n`}data: ${message === "" ? "" : JSON.stringify(message)}\n\n`
  );
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(`: hello\n\n${text.join("")}`));
      if (!open) controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const tool = (name: string, inputSchema: unknown = { type: "object" }) => ({ name, inputSchema });

Deno.test("a request of revision 2026-07-28 says everything itself", async () => {
  await using server = startModern((post) => resultOf(post, { content: [] }));
  await using session = open(server);
  assert.deepEqual(await session.call("größe", { a: 1 }, never), { text: "", isError: false });
  const [discover, call] = server.posts;
  assert.equal(discover?.method, "server/discover");
  assert.equal(call?.headers.get("authorization"), "Bearer secret");
  assert.equal(call?.headers.get("accept"), "application/json, text/event-stream");
  assert.equal(call?.headers.get("x-team"), "a");
  assert.equal(call?.headers.get("mcp-protocol-version"), "2026-07-28");
  assert.equal(call?.headers.get("mcp-method"), "tools/call");
  assert.equal(call?.headers.get("mcp-name"), "=?base64?Z3LDtsOfZQ==?=");
  assert.deepEqual(call?.params.arguments, { a: 1 });
  assert.equal(call?.params._meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
  assert.deepEqual(call?.params._meta["io.modelcontextprotocol/clientCapabilities"], {});
});

Deno.test("a server from before is shaken hands with, and its session is named and ended", async () => {
  const server = startLegacy((post) => resultOf(post, { tools: [tool("a")] }));
  await using _ = server;
  {
    await using session = open(server);
    assert.deepEqual((await session.list(never)).map(({ name }) => name), ["a"]);
  }
  const told = server.posts.map(({ http, method, headers }) => [
    method ?? http,
    headers.get("mcp-session-id"),
    headers.get("mcp-protocol-version"),
  ]);
  assert.deepEqual(told, [
    ["server/discover", null, "2026-07-28"],
    ["initialize", null, null],
    ["notifications/initialized", "s1", "2025-06-18"],
    ["tools/list", "s1", "2025-06-18"],
    ["DELETE", "s1", "2025-06-18"],
  ]);
  assert.deepEqual(server.posts[1]?.params.capabilities, {});
});

Deno.test("how a server speaks is asked once, not once a session", async () => {
  await using server = startLegacy((post) => resultOf(post, { tools: [] }));
  const connect = mcpConnector(HERE);
  for (let i = 0; i < 3; i++) {
    await using session = connect({ url: server.url, headers: {} });
    await session.list(never);
  }
  const asked = server.posts.filter(({ method }) => method === "server/discover");
  assert.equal(asked.length, 1);
});

Deno.test("a session that the server has forgotten is begun anew", async () => {
  const known = new Set(["s1"]);
  await using server = startLegacy((post) => {
    const id = post.headers.get("mcp-session-id") ?? "";
    if (!known.has(id)) return new Response(null, { status: 404 });
    return resultOf(post, { content: [{ type: "text", text: id }] });
  });
  await using session = open(server);
  assert.equal((await session.call("a", {}, never)).text, "s1");
  known.clear();
  known.add("s2");
  assert.equal((await session.call("a", {}, never)).text, "s2");
  known.clear();
  await assert.rejects(session.call("a", {}, never), /status 404/);
});

Deno.test("all pages of a list are read, and a list without an end is not", async () => {
  const pages: Record<string, string | undefined> = { "": "1", "1": "2", "2": undefined };
  await using server = startModern((post) => {
    const cursor = post.params.cursor ?? "";
    const nextCursor = pages[cursor];
    return resultOf(post, { tools: [tool(`t${cursor}`)], ...(nextCursor && { nextCursor }) });
  });
  await using session = open(server);
  assert.deepEqual((await session.list(never)).map(({ name }) => name), ["t", "t1", "t2"]);
  pages["2"] = "1";
  await assert.rejects(session.list(never), /comes back to a page that it had/);
});

Deno.test("a tool whose header annotations break the rules is left out of the list", async () => {
  const wrong = tool("wrong", {
    properties: { a: { type: "number", "x-mcp-header": "A" } },
  });
  await using server = startModern((post) => resultOf(post, { tools: [wrong, tool("right")] }));
  await using session = open(server);
  assert.deepEqual((await session.list(never)).map(({ name }) => name), ["right"]);
});

Deno.test("an answer is found among what else a stream carries, and the stream is left", async () => {
  const left = Promise.withResolvers<void>();
  await using server = startLegacy((post) => {
    if (post.result !== undefined || post.error !== undefined) {
      return new Response(null, { status: 202 });
    }
    post.signal.addEventListener("abort", () => left.resolve());
    return eventStream([
      { jsonrpc: "2.0", method: "notifications/progress", params: { progress: 1 } },
      { jsonrpc: "2.0", id: "p", method: "ping" },
      { jsonrpc: "2.0", id: "q", method: "sampling/createMessage", params: {} },
      { jsonrpc: "2.0", id: 99, result: {} },
      [{ jsonrpc: "2.0", id: post.id, result: { content: [{ type: "text", text: "here" }] } }],
    ]);
  });
  await using session = open(server);
  assert.equal((await session.call("a", {}, never)).text, "here");
  await left.promise;
  const answers = server.posts.filter(({ method }) => method === undefined);
  assert.deepEqual(answers.map(({ id, result, error }) => [id, result ?? error?.code]), [
    ["p", {}],
    ["q", -32601],
  ]);
});

Deno.test("a stream that ends without an answer is taken up again where events have ids", async () => {
  let asked: McpPost | undefined;
  await using server = startLegacy((post) => {
    if (post.http === "GET") {
      assert.equal(post.headers.get("last-event-id"), "7");
      assert.equal(post.headers.get("mcp-session-id"), "s1");
      const { id } = asked ?? {};
      return eventStream([{ jsonrpc: "2.0", id, result: { tools: [tool("late")] } }]);
    }
    asked = post;
    return eventStream([""], { open: false, id: "7" });
  });
  await using session = open(server);
  assert.deepEqual((await session.list(never)).map(({ name }) => name), ["late"]);
  await using forgetful = startLegacy(() => eventStream([""], { open: false }));
  await using other = open(forgetful);
  await assert.rejects(other.list(never), /the event stream ended before tools\/list was answered/);
});

const REFUSALS: readonly {
  readonly name: string;
  readonly script: Script;
  readonly message: RegExp;
}[] = [
  {
    name: "an error",
    script: (post) => errorTo(post, -32602, "no such tool", 200),
    message: /^no such tool \(JSON-RPC error -32602\)$/,
  },
  {
    name: "an error before the request is understood",
    script: () => errorTo({} as McpPost, -32700, "cannot read it"),
    message: /^cannot read it \(JSON-RPC error -32700\)$/,
  },
  {
    name: "a status",
    script: () => new Response("try later", { status: 503 }),
    message: /^The MCP server at http:\S+: status 503$/,
  },
  {
    name: "a page for people",
    script: () => new Response("<html>", { headers: { "content-type": "text/html" } }),
    message: /: status 200: no JSON-RPC$/,
  },
  {
    name: "an answer to something else",
    script: (post) => resultOf({ ...post, id: 1_000 }, {}),
    message: /: status 200: no JSON-RPC$/,
  },
  {
    name: "a result of another shape",
    script: (post) => resultOf(post, { content: "3" }),
    message: /: tools\/call: content: .*expected array/,
  },
  {
    name: "a question to the user",
    script: (post) => resultOf(post, { resultType: "input_required", inputRequests: {} }),
    message: /: tools\/call asks for input of a user/,
  },
  {
    name: "more than is taken",
    script: () => new Response(" ".repeat(17 * 1024 * 1024)),
    message: /an answer longer than 16777216 bytes/,
  },
];

for (const { name, script, message } of REFUSALS) {
  Deno.test(`a server that answers with ${name} is told of`, async () => {
    await using server = startModern(script);
    await using session = open(server);
    await assert.rejects(session.call("a", {}, never), { message });
  });
}

Deno.test("a server that speaks only what nobody knows here says so", async () => {
  await using later = startScriptedMcp(({ id }) =>
    Response.json({
      jsonrpc: "2.0",
      id,
      error: { code: -32022, message: "Unsupported", data: { supported: ["2031-01-01"] } },
    }, { status: 400 })
  );
  await using session = open(later);
  await assert.rejects(session.list(never), /it speaks MCP 2031-01-01; known are 2026-07-28, 2025/);
  await using odd = startScriptedMcp((post) =>
    post.method === "initialize"
      ? resultOf(post, { protocolVersion: "1999-01-01" })
      : errorTo(post, -32601, "unknown", 404)
  );
  await using other = open(odd);
  await assert.rejects(other.list(never), /it speaks MCP 1999-01-01/);
});

Deno.test("a header field that cannot be sent fails the call, and not the making of the session", async () => {
  await using server = startModern((post) => resultOf(post, { tools: [] }));
  await using session = mcpConnector(HERE)({ url: server.url, headers: { "x-team": "a\nb" } });
  await assert.rejects(session.list(never), /^Error: Cannot reach the MCP server at /);
  assert.equal(server.posts.length, 0);
});

Deno.test("a server that lets nobody in is asked once only", async () => {
  await using server = startScriptedMcp(() => new Response(null, { status: 401 }));
  await using session = open(server);
  await assert.rejects(session.list(never), /^Error: Cannot reach the MCP server at .*status 401$/);
  assert.equal(server.posts.length, 1);
});

Deno.test("a server that does not answer in time is told of, and a later call asks again", async () => {
  let timeIsOver = new AbortController();
  let silent = true;
  const server = startLegacy((post) => {
    if (!silent) return resultOf(post, { tools: [] });
    timeIsOver.abort();
    return new Promise(() => {});
  });
  await using _ = server;
  {
    await using session = open(server, (signal) => AbortSignal.any([signal, timeIsOver.signal]));
    await assert.rejects(session.list(never), /: no answer to tools\/list in time$/);
    silent = false;
    timeIsOver = new AbortController();
    assert.deepEqual(await session.list(never), []);
  }
  assert.ok(server.posts.some(({ method }) => method === "notifications/cancelled"));
});

Deno.test("a caller that leaves has the server told, with its own reason as the error", async () => {
  const waiting = Promise.withResolvers<number | undefined>();
  const server = startLegacy((post) => {
    waiting.resolve(post.id);
    return new Promise(() => {});
  });
  await using _ = server;
  const caller = new AbortController();
  {
    await using session = open(server);
    const call = session.call("a", {}, caller.signal);
    await waiting.promise;
    caller.abort(new Error("gone"));
    await assert.rejects(call, /^Error: gone$/);
  }
  const cancelled = server.posts.find(({ method }) => method === "notifications/cancelled");
  assert.equal(cancelled?.params.requestId, await waiting.promise);
});
