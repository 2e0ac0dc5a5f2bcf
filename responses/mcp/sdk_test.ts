/** The client against servers that others wrote: the protocol's own SDK, each way it can be set up. */
import assert from "node:assert/strict";
import { outbound } from "../../outbound/mod.ts";
import { startSdkMcpServer } from "../testing/sdk_mcp_server.ts";
import { mcpConnector } from "./session.ts";

const never = new AbortController().signal;
const HERE = outbound({ allow: ["127.0.0.1"] });

const KINDS = ["modern", "modern-events", "both", "sessions", "sessions-json", "polled"];

Deno.test("tools of the SDK's servers are listed and called, however they are set up", async () => {
  await using server = await startSdkMcpServer();
  const connect = mcpConnector(HERE);
  for (const kind of KINDS) {
    // Twice: the second session knows already how the server speaks.
    for (const time of ["first", "second"]) {
      await using session = connect({ url: `${server.url}/${kind}`, headers: {} });
      const tools = await session.list(never);
      assert.deepEqual(tools.map(({ name }) => name), ["add", "fail", "where", "wait", "hang_up"]);
      assert.equal(tools[0]?.description, "adds");
      assert.deepEqual(Object.keys(tools[0]?.inputSchema["properties"] ?? {}), ["a", "b"]);
      const told = `${kind}, ${time} session`;
      const call = (name: string, args = {}) => session.call(name, args, never);
      assert.deepEqual(await call("add", { a: 1, b: 2 }), { text: "3", isError: false }, told);
      assert.deepEqual(await call("fail"), { text: "out of numbers", isError: true }, told);
      const where = await call("where", { region: "Zürich" });
      assert.equal(where.text, '{"region":"Zürich"}', told);
    }
  }
  const lines = await server.journal();
  assert.equal(lines.filter((line) => line === "session opened").length, 6);
  assert.equal(lines.filter((line) => line === "session closed").length, 6);
});

Deno.test("a call without a list before it still mirrors its arguments", async () => {
  await using server = await startSdkMcpServer();
  await using session = mcpConnector(HERE)({ url: `${server.url}/modern`, headers: {} });
  const { text } = await session.call("where", { region: "north" }, never);
  assert.equal(text, '{"region":"north"}');
});

Deno.test("an event stream that a server of the SDK leaves is taken up again", async () => {
  await using server = await startSdkMcpServer();
  await using session = mcpConnector(HERE)({ url: `${server.url}/polled`, headers: {} });
  assert.equal((await session.call("hang_up", {}, never)).text, "after all");
  assert.ok((await server.journal()).includes("come again"));
});

for (const kind of ["modern-events", "sessions"]) {
  Deno.test(`a call that is given up is cancelled at the SDK's server, ${kind}`, async () => {
    await using server = await startSdkMcpServer();
    await using session = mcpConnector(HERE)({ url: `${server.url}/${kind}`, headers: {} });
    await session.list(never);
    const before = (await server.journal(-1)).length;
    const caller = new AbortController();
    const call = session.call("wait", {}, caller.signal);
    assert.equal((await server.journal(before))[before], "waiting");
    caller.abort(new Error("enough"));
    await assert.rejects(call, /^Error: enough$/);
    assert.equal((await server.journal(before + 1))[before + 1], "cancelled");
  });
}

Deno.test("what the SDK's servers refuse is an error that says why", async () => {
  await using server = await startSdkMcpServer();
  for (const kind of KINDS) {
    await using session = mcpConnector(HERE)({ url: `${server.url}/${kind}`, headers: {} });
    await session.call("multiply", {}, never).then(
      // Revisions to 2025-11-25 call an unknown tool a failed one.
      ({ isError, text }) => assert.ok(isError && text.includes("multiply"), `${kind}: ${text}`),
      (error) => assert.match(error.message, /multiply.*JSON-RPC error -32602/, kind),
    );
  }
  await using session = mcpConnector(HERE)({ url: `${server.url}/nothing`, headers: {} });
  await assert.rejects(session.list(never), {
    message: `Cannot reach the MCP server at ${server.url}/nothing: status 404`,
  });
});
