/** Restrictions are obeyed: tool_choice, filters, and calls that were ruled out. */
import assert from "node:assert/strict";
import { ApiError } from "../api/errors.ts";
import type { Item, ResponseObject } from "../api/objects.ts";
import { startMcpServer } from "../testing/mcp_server.ts";
import { startTestEngine, TENANT, type TestEngine } from "../testing/engine.ts";

const functionTool = (name: string) => ({ type: "function", name, parameters: { type: "object" } });
const TOOLS = [functionTool("look"), functionTool("wipe")];

function offered(test: TestEngine, index = -1): string[] {
  const { tools = [] } = test.model.asked.at(index)?.body;
  return tools.map((tool: { function: { name: string } }) => tool.function.name);
}

Deno.test("allowed_tools rules the others out, also when the model calls them", async () => {
  await using test = await startTestEngine();
  const tool_choice = {
    type: "allowed_tools",
    mode: "auto",
    tools: [{ type: "function", name: "look" }],
  };
  test.model.queue({ calls: [{ name: "wipe", arguments: {} }] }, { text: ["never mind"] });
  const made = await test.ask({ input: "x", tools: TOOLS, tool_choice });
  assert.deepEqual(offered(test, 0), ["look"]);
  assert.deepEqual(made.output.map(({ type }) => type), ["message"]);
  assert.match(test.model.asked[1]?.body.messages.at(-1).content, /must not be called/);
});

Deno.test("with none, no call of the model's reaches anybody", async () => {
  await using test = await startTestEngine();
  test.model.queue({ calls: [{ name: "wipe", arguments: {} }] }, { text: ["ok"] });
  const made = await test.ask({ input: "x", tools: TOOLS, tool_choice: "none" });
  assert.deepEqual(made.output.map(({ type }) => type), ["message"]);
});

Deno.test("a choice of a tool that nobody has is refused", async () => {
  await using test = await startTestEngine();
  const choices = [
    { type: "function", name: "fly" },
    { type: "function", function: { name: "fly" } },
    { type: "custom", name: "look" },
    { type: "file_search" },
    { type: "mcp", server_label: "nobody" },
    { type: "allowed_tools", mode: "auto", tools: [{ type: "function", name: "fly" }] },
    { type: "allowed_tools", mode: "always", tools: [] },
    { type: "function" },
  ];
  for (const tool_choice of choices) {
    await assert.rejects(
      test.ask({ input: "x", tools: TOOLS, tool_choice }),
      (error) => error instanceof ApiError && error.param === "tool_choice",
      JSON.stringify(tool_choice),
    );
  }
  await assert.rejects(test.ask({ input: "x", tool_choice: "required" }), ApiError);
  assert.equal(test.model.asked.length, 0);
});

Deno.test("tools of a namespace are offered one by one, and come back by both names", async () => {
  await using test = await startTestEngine();
  const tools = [
    functionTool("read"),
    { type: "namespace", name: "files", tools: [functionTool("read"), { type: "later" }] },
    { type: "holodeck", name: "x" },
  ];
  test.model.queue({ calls: [{ name: "files__read", arguments: { path: "a" } }] });
  const made = await test.ask({ input: "x", tools });
  assert.deepEqual(offered(test), ["read", "files__read"]);
  const [call] = made.output;
  assert.deepEqual([call?.["namespace"], call?.["name"]], ["files", "read"]);
  assert.deepEqual((made["tools"] as Item[]).map(({ type }) => type), [
    "function",
    "namespace",
    "holodeck",
  ]);
});

Deno.test("a custom tool is called with a text, whole and streamed", async () => {
  await using test = await startTestEngine();
  const format = { type: "grammar", syntax: "lark", definition: "start: /x+/" };
  const tools = [{ type: "custom", name: "patch", description: "Patches", format }];
  test.model.queue({ calls: [{ name: "patch", arguments: { input: "xx\ny" } }] });
  const events = await test.stream({ input: "x", tools });
  const { description } = test.model.asked[0]?.body.tools[0].function;
  assert.match(description, /^Patches\n\n.*lark grammar:\nstart: \/x\+\/$/);
  const types = events.map(({ type }) => type);
  assert.ok(types.includes("response.custom_tool_call_input.delta"));
  const done = events.find(({ type }) => type === "response.custom_tool_call_input.done");
  assert.equal(done?.["input"], "xx\ny");
  const { output: [item] } = events.at(-1)?.["response"] as ResponseObject;
  assert.deepEqual([item?.type, item?.["input"], item?.["status"]], [
    "custom_tool_call",
    "xx\ny",
    "completed",
  ]);
});

Deno.test("MCP filters hold by name and by what a tool says of itself", async () => {
  await using server = startMcpServer();
  await using test = await startTestEngine();
  await test.store.connectors.put(TENANT, {
    connector_id: "sums",
    object: "connector",
    connector_type: "mcp",
    url: server.url,
    server_label: null,
    created_at: 1,
    metadata: null,
  });
  const mcp = (fields: object) => [{ type: "mcp", server_label: "sums", ...fields }];
  // The server's tool says nothing of itself, so nobody may take it for one that only reads.
  await test.ask({ input: "x", tools: mcp({ allowed_tools: { read_only: true } }) });
  assert.deepEqual(offered(test), []);
  await test.ask({ input: "x", tools: mcp({ allowed_tools: { tool_names: ["add"] } }) });
  assert.deepEqual(offered(test), ["add"]);
  test.model.queue({ calls: [{ name: "add", arguments: { a: 1, b: 2 } }] });
  const rule = { never: { read_only: true } };
  const asked = await test.ask({ input: "x", tools: mcp({ require_approval: rule }) });
  assert.equal(asked.output.at(-1)?.type, "mcp_approval_request");
  assert.equal(server.calls, 0);
});

Deno.test("an agreement counts wherever its request stands, and is acted on once", async () => {
  await using server = startMcpServer();
  await using test = await startTestEngine();
  await test.store.connectors.put(TENANT, {
    connector_id: "sums",
    object: "connector",
    connector_type: "mcp",
    url: server.url,
    server_label: null,
    created_at: 1,
    metadata: null,
  });
  const tools = [{ type: "mcp", server_label: "sums", require_approval: "always" }];
  test.model.queue({ calls: [{ name: "add", arguments: { a: 1, b: 2 } }] });
  const user = { role: "user", content: "1+2?" };
  const asked = await test.ask({ input: [user], tools, store: false });
  const request = asked.output.at(-1);
  const agreed = {
    type: "mcp_approval_response",
    approval_request_id: request?.id,
    approve: true,
  };
  const history = [user, ...asked.output, agreed];
  const ran = await test.ask({ input: history, tools, store: false });
  assert.deepEqual(ran.output.map(({ type }) => type), ["mcp_call", "message"]);
  const more = [...history, ...ran.output, { role: "user", content: "thanks" }];
  await test.ask({ input: more, tools, store: false });
  assert.equal(server.calls, 1);
});
