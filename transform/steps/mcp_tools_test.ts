/** Lists of MCP tools, as an engine lets them be seen. */
import assert from "node:assert/strict";
import type { CheckClient } from "../../ext_authz/mod.ts";
import { type JsonObject, RequestDraft, StepFailure } from "../exchange.ts";
import { mcpToolsStep } from "./mcp_tools.ts";

const HEADERS = new Map([
  [":method", "POST"],
  [":path", "/mcp"],
  [":authority", "tools.test"],
  ["content-type", "application/json"],
  ["x-api-key", "demo-key"],
  ["x-llm-decision-id", "of the list"],
]);
const SETTINGS = { policy: "x:1", metadata: "envoy.filters.http.mcp", timeout_ms: 1_000 };
const LIST = { jsonrpc: "2.0", id: 1, method: "tools/list" };

function engine(decide: (tool: string) => "allow" | "deny" | "error", asked: JsonObject[] = []) {
  return {
    verdict(request: JsonObject) {
      asked.push(request);
      // deno-lint-ignore no-explicit-any -- the shape is what is tested
      const told: any = (request as any).attributes.metadata_context.filter_metadata;
      const decision = decide(told["envoy.filters.http.mcp"].params.name);
      return Promise.resolve({ decision, status: 200, code: "" });
    },
  } as unknown as CheckClient;
}

async function filtered(client: CheckClient, answer: JsonObject, request: JsonObject = LIST) {
  const bytes = new TextEncoder().encode(JSON.stringify(request));
  const outcome = await mcpToolsStep(SETTINGS, client).request(new RequestDraft(HEADERS, bytes));
  if (outcome === undefined || !("handler" in outcome)) return "not looked at";
  const head = { status: 200, contentType: "application/json", isStream: false };
  return await outcome.handler.whole?.(answer, head);
}

const tools = (...names: string[]) => ({ result: { tools: names.map((name) => ({ name })) } });

Deno.test("mcp_tools: each tool is asked about as its call would be", async () => {
  const asked: JsonObject[] = [];
  const client = engine((tool) => tool === "b" ? "deny" : "allow", asked);
  assert.deepEqual(await filtered(client, tools("a", "b", "c")), tools("a", "c"));
  const [first] = asked;
  assert.deepEqual(first, {
    attributes: {
      request: {
        http: {
          id: "",
          method: "POST",
          path: "/mcp",
          host: "tools.test",
          headers: { "content-type": "application/json", "x-api-key": "demo-key" },
        },
      },
      metadata_context: {
        filter_metadata: {
          "envoy.filters.http.mcp": { method: "tools/call", params: { name: "a" } },
        },
      },
    },
  });
});

Deno.test("mcp_tools: a list that may all be seen, an error, and other methods stay as they are", async () => {
  const client = engine(() => "allow");
  assert.equal(await filtered(client, tools("a", "b")), undefined);
  assert.equal(await filtered(client, { error: { code: -1 } }), undefined);
  const call = { ...LIST, method: "tools/call" };
  assert.equal(await filtered(client, tools("a"), call), "not looked at");
});

Deno.test("mcp_tools: an engine that cannot say so fails the list", async () => {
  const isFailure = (error: unknown) =>
    error instanceof StepFailure && error.code === "policy_unavailable";
  await assert.rejects(filtered(engine(() => "error"), tools("a")), isFailure);
});
