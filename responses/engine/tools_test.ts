/** The tool loop: searches and MCP servers that the gateway asks itself. */
import assert from "node:assert/strict";
import type { Connector, Item, ResponseObject } from "../api/objects.ts";
import { startTestEngine, TENANT, typesOf } from "../testing/engine.ts";
import type { FileHit } from "./tools/file_search.ts";
import { startMcpServer } from "../testing/mcp_server.ts";

const HITS: FileHit[] = [
  { fileId: "file_1", filename: "a.txt", score: 0.9, attributes: null, text: "The sky is green." },
  { fileId: "file_2", filename: "b.txt", score: 0.5, attributes: null, text: "Grass is blue." },
];
const FILE_SEARCH = { type: "file_search", vector_store_ids: ["vs_1"], max_num_results: 3 };
const ASK_FILES = { calls: [{ name: "file_search", arguments: { query: "sky" } }] };

function annotationsOf(response: ResponseObject): unknown {
  const message = response.output.find(({ type }) => type === "message");
  return (message?.["content"] as { annotations: unknown }[] | undefined)?.[0]?.annotations;
}

Deno.test("file_search runs in the gateway, and the answer names its sources", async () => {
  const queries: unknown[] = [];
  await using test = await startTestEngine({
    fileSearch: {
      search: (tenant, query) => {
        queries.push([tenant, query]);
        return Promise.resolve(HITS);
      },
    },
  });
  test.model.queue(ASK_FILES, { text: ["It is green 【1】", "."] });
  const events = await test.stream({ input: "Sky?", tools: [FILE_SEARCH] });
  assert.deepEqual(typesOf(events), [
    "created",
    "in_progress",
    "output_item.added",
    "file_search_call.in_progress",
    "file_search_call.searching",
    "file_search_call.completed",
    "output_item.done",
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.annotation.added",
    "output_text.done",
    "content_part.done",
    "output_item.done",
    "completed",
  ]);
  assert.deepEqual(queries, [[TENANT, {
    vectorStoreIds: ["vs_1"],
    query: ["sky"],
    maxResults: 3,
  }]]);
  const response = events.at(-1)?.["response"] as ResponseObject;
  const [search] = response.output;
  assert.match(String(search?.id), /^fs_/);
  assert.deepEqual(search?.["queries"], ["sky"]);
  assert.equal(search?.["results"], null);
  assert.deepEqual(annotationsOf(response), [
    { type: "file_citation", file_id: "file_1", filename: "a.txt", index: 12 },
  ]);
  const told = test.model.asked.at(-1)?.body.messages.at(-1);
  assert.equal(told.role, "tool");
  assert.match(told.content, /【1】 a\.txt\nThe sky is green\./);
});

Deno.test("file_search leaves its results in the item when they are asked for", async () => {
  await using test = await startTestEngine({ fileSearch: { search: () => Promise.resolve(HITS) } });
  test.model.queue(ASK_FILES);
  const made = await test.ask({
    input: "Sky?",
    tools: [FILE_SEARCH],
    include: ["file_search_call.results"],
  });
  const results = made.output[0]?.["results"] as { file_id: string }[];
  assert.deepEqual(results.map(({ file_id }) => file_id), ["file_1", "file_2"]);
  const cited = annotationsOf(made) as { file_id: string }[];
  assert.deepEqual(cited.map(({ file_id }) => file_id), ["file_1", "file_2"], "read, if not cited");
});

Deno.test("a search that fails is told to the model, and the response goes on", async () => {
  await using test = await startTestEngine({
    fileSearch: { search: () => Promise.reject(new Error("the index is gone")) },
  });
  test.model.queue(ASK_FILES);
  const made = await test.ask({ input: "Sky?", tools: [FILE_SEARCH] });
  assert.equal(made.status, "completed");
  assert.equal(made.output[0]?.["status"], "failed");
  assert.match(test.model.asked.at(-1)?.body.messages.at(-1).content, /the index is gone/);
});

Deno.test("web_search is offered with a provider only, and cites addresses", async () => {
  const hit = { url: "https://a.test/", title: "A", text: "x" };
  await using without = await startTestEngine();
  const made = await without.ask({ input: "Hi", tools: [{ type: "web_search_preview" }] });
  assert.equal(without.model.asked[0]?.body.tools, undefined);
  assert.deepEqual(made["tools"], [{ type: "web_search_preview" }]);
  await using test = await startTestEngine({ webSearch: { search: () => Promise.resolve([hit]) } });
  test.model.queue({ calls: [{ name: "web_search", arguments: { query: "a" } }] }, {
    text: ["See 【1】"],
  });
  const found = await test.ask({
    input: "Hi",
    tools: [{ type: "web_search" }],
    include: ["web_search_call.action.sources"],
  });
  assert.deepEqual(found.output[0]?.["action"], {
    type: "search",
    query: "a",
    sources: [{ type: "url", url: hit.url }],
  });
  assert.deepEqual(annotationsOf(found), [
    { type: "url_citation", url: hit.url, title: "A", start_index: 4, end_index: 7 },
  ]);
});

Deno.test("the loop is bounded: by max_tool_calls, and by the gateway's own limit", async () => {
  await using test = await startTestEngine({
    maxRounds: 3,
    fileSearch: { search: () => Promise.resolve([]) },
  });
  test.model.queue(ASK_FILES, { text: ["done"] });
  await test.ask({ input: "Sky?", tools: [FILE_SEARCH], max_tool_calls: 1 });
  assert.equal(test.model.asked.at(-1)?.body.tools, undefined, "none may be called any more");
  const before = test.model.asked.length;
  test.model.queue(ASK_FILES, ASK_FILES, ASK_FILES, ASK_FILES);
  const made = await test.ask({ input: "Sky?", tools: [FILE_SEARCH] });
  assert.equal(test.model.asked.length - before, 3);
  assert.notEqual(made.status, "in_progress");
});

const connector = (url: string): Connector => ({
  connector_id: "sums",
  object: "connector",
  connector_type: "mcp",
  url,
  server_label: null,
  created_at: 1,
  metadata: null,
});
const ASK_SUM = { calls: [{ name: "add", arguments: { a: 1, b: 2 } }] };

Deno.test("the tools of a registered MCP server are listed and called", async () => {
  await using server = startMcpServer();
  await using test = await startTestEngine();
  await test.store.connectors.put(TENANT, connector(server.url));
  test.model.queue(ASK_SUM, { text: ["3"] });
  const tools = [{ type: "mcp", server_label: "sums", authorization: "secret" }];
  const events = await test.stream({ input: "1+2?", tools });
  assert.deepEqual(typesOf(events).slice(2, 13), [
    "output_item.added",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "output_item.done",
    "output_item.added",
    "mcp_call.in_progress",
    "mcp_call_arguments.delta",
    "mcp_call_arguments.done",
    "mcp_call.completed",
    "output_item.done",
    "output_item.added",
  ]);
  const response = events.at(-1)?.["response"] as ResponseObject;
  assert.deepEqual(response.output.map(({ type }) => type), [
    "mcp_list_tools",
    "mcp_call",
    "message",
  ]);
  assert.equal(response.output[1]?.["output"], "3");
  assert.equal(server.authorizations.at(-1), "Bearer secret");
  assert.ok(!JSON.stringify(events).includes("secret"), "a credential is not sent back");
  const next = await test.ask({ input: "Again", previous_response_id: response.id, tools });
  assert.deepEqual(next.output.map(({ type }) => type), ["message"], "the list is known already");
});

Deno.test("two MCP servers with a tool of one name can both be called", async () => {
  await using left = startMcpServer();
  await using right = startMcpServer();
  await using test = await startTestEngine();
  const labels = ["left one", "right"];
  for (const [i, { url }] of [left, right].entries()) {
    const known = { ...connector(url), connector_id: labels[i] ?? "" };
    await test.store.connectors.put(TENANT, known);
  }
  const add = (name: string) => ({ name, arguments: { a: 1, b: 2 } });
  test.model.queue({ calls: [add("left_one__add"), add("right__add")] }, { text: ["6"] });
  const tools = labels.map((server_label) => ({ type: "mcp", server_label }));
  const tool_choice = { type: "mcp", server_label: "right", name: "add" };
  const made = await test.ask({ input: "1+2, twice?", tools, tool_choice });
  const asked = test.model.asked[0]?.body;
  const names = asked.tools.map((tool: { function: { name: string } }) => tool.function.name);
  assert.deepEqual(names, ["left_one__add", "right__add"]);
  assert.equal(asked.tool_choice.function.name, "right__add");
  const calls = made.output.filter(({ type }) => type === "mcp_call");
  assert.deepEqual(
    calls.map(({ name, server_label, output }) => [name, server_label, output]),
    labels.map((label) => ["add", label, "3"]),
  );
  assert.deepEqual([left.calls, right.calls], [1, 1]);
});

Deno.test("an MCP tool does not take the name of a caller's function", async () => {
  await using server = startMcpServer();
  await using test = await startTestEngine();
  await test.store.connectors.put(TENANT, connector(server.url));
  test.model.queue({ calls: [{ name: "sums__add", arguments: { a: 1, b: 2 } }] }, { text: ["3"] });
  const tools = [
    { type: "function", name: "add", parameters: { type: "object" } },
    { type: "mcp", server_label: "sums" },
  ];
  const made = await test.ask({ input: "1+2?", tools });
  assert.equal(made.output.find(({ type }) => type === "mcp_call")?.["output"], "3");
});

Deno.test("an MCP tool that needs it waits for the caller's agreement", async () => {
  await using server = startMcpServer();
  await using test = await startTestEngine();
  await test.store.connectors.put(TENANT, connector(server.url));
  const tools = [{ type: "mcp", server_label: "sums", require_approval: "always" }];
  test.model.queue(ASK_SUM);
  const asked = await test.ask({ input: "1+2?", tools });
  assert.equal(asked.status, "completed");
  const request = asked.output.at(-1) as Item;
  assert.equal(request.type, "mcp_approval_request");
  assert.equal(server.calls, 0);
  const reply = (approve: boolean) => [
    { type: "mcp_approval_response", approval_request_id: request.id, approve },
  ];
  const agreed = await test.ask({ input: reply(true), previous_response_id: asked.id, tools });
  const call = agreed.output.find(({ type }) => type === "mcp_call");
  assert.equal(call?.["output"], "3");
  assert.equal(call?.["approval_request_id"], request.id);
  assert.equal(server.calls, 1);
  const refused = await test.ask({ input: reply(false), previous_response_id: asked.id, tools });
  assert.equal(server.calls, 1);
  assert.deepEqual(refused.output.map(({ type }) => type), ["message"]);
});

Deno.test("an MCP server that is down is an item that says so, and the response goes on", async () => {
  const server = startMcpServer();
  await server[Symbol.asyncDispose]();
  await using test = await startTestEngine();
  await test.store.connectors.put(TENANT, connector(server.url));
  const made = await test.ask({ input: "Hi", tools: [{ type: "mcp", server_label: "sums" }] });
  assert.equal(made.status, "completed");
  assert.match(String(made.output[0]?.["error"]), /Cannot reach the MCP server/);
});
