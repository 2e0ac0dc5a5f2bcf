/** Cases on policy by MCP tool: what policy hears of a call, before the server does. */
import type { Case } from "../case.ts";
import { jsonOf, type Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { jsonAnswer, STREAM_HEAD } from "./shapes.ts";

const SPEC = "Model Context Protocol 2025-06-18, Transports";

/** Where Envoy's filter says what it read. */
const NAMESPACE = "envoy.filters.http.mcp";

const JSON_RPC = { jsonrpc: "2.0", id: 1 };

/** Returns a call of a tool. */
function callOf(name: string): Record<string, unknown> {
  return { ...JSON_RPC, method: "tools/call", params: { name, arguments: { path: "/tmp" } } };
}

async function ask(t: CaseContext, body: Record<string, unknown> | string): Promise<Transcript> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return await t.ask({
    path: t.target.mcp?.path ?? "/mcp",
    body: text,
    headers: [["accept", "application/json, text/event-stream"]],
  });
}

/** The method and tool that policy heard of, of each Check. */
function toldOf(t: CaseContext): unknown[] {
  return t.policy.checks().map(({ metadata }) => {
    // deno-lint-ignore no-explicit-any -- metadata of whatever shape
    const told: any = metadata?.[NAMESPACE] ?? {};
    return [told.method, told.params?.name];
  });
}

const answers = (result: unknown): UpstreamStep[] =>
  jsonAnswer(JSON.stringify({ ...JSON_RPC, result }));

interface Described {
  readonly id: string;
  readonly requirement: string;
  readonly feature?: string;
  run(t: CaseContext): Promise<void>;
}

function mcpCase({ feature = "mcp", ...one }: Described): Case {
  return { ...one, id: `mcp.${one.id}`, level: "must", control: "both", feature, source: SPEC };
}

/** Checks that what two readers could read differently goes nowhere. */
function refused(t: CaseContext, what: string, { head }: Transcript): void {
  t.equal(`${what}: status`, 400, head?.status);
  t.equal(`${what}: requests at the server`, 0, t.upstream.requests().length);
}

/** Checks that a call passes: without that, a refusal proves nothing. */
async function passes(t: CaseContext): Promise<void> {
  const part = t.fork("passes");
  part.upstream.script(...answers({ content: [] }));
  t.equal("a good call", 200, (await ask(part, callOf("read_file"))).head?.status);
}

/** Rules that name a tool, on a gateway that tells policy which one is called. */
export const MCP_CASES: readonly Case[] = [
  mcpCase({
    id: "tool-told",
    requirement: "Policy hears method and tool of a call before the server does",
    async run(t) {
      t.upstream.script(...answers({ content: [] }));
      t.equal("status", 200, (await ask(t, callOf("read_file"))).head?.status);
      t.equal("told", [["tools/call", "read_file"]], toldOf(t));
    },
  }),
  mcpCase({
    id: "tool-denied",
    requirement: "A tool that policy refuses is not called",
    async run(t) {
      t.policy.script({ deny: { status: 403, code: "tool_forbidden" } });
      const transcript = await ask(t, callOf("delete_file"));
      t.equal("status", 403, transcript.head?.status);
      t.equal("error.code", "tool_forbidden", jsonOf(transcript)?.error?.code);
      t.equal("told", [["tools/call", "delete_file"]], toldOf(t));
      t.equal("requests at the server", 0, t.upstream.requests().length);
      await passes(t);
    },
  }),
  mcpCase({
    id: "tool-escaped",
    requirement: "A tool's name is told as the server reads it, however it is written",
    async run(t) {
      t.upstream.script(...answers({ content: [] }));
      await ask(t, JSON.stringify(callOf("delete_file")).replace("delete", "\\u0064elete"));
      t.equal("told", [["tools/call", "delete_file"]], toldOf(t));
    },
  }),
  mcpCase({
    id: "duplicate-name",
    requirement: "A call that names two tools, or two methods, is refused",
    async run(t) {
      const text = JSON.stringify(callOf("read_file"));
      const tool = t.fork("tool");
      const named = text.replace('"read_file"', '"read_file","name":"delete_file"');
      refused(tool, "tools", await ask(tool, named));
      const method = t.fork("method");
      const two = text.replace('"tools/call"', '"tools/list","method":"tools/call"');
      refused(method, "methods", await ask(method, two));
      await passes(t);
    },
  }),
  mcpCase({
    id: "batch",
    requirement: "A batch, and what is no JSON-RPC, is refused: nothing is called unseen",
    async run(t) {
      const bodies = { batch: JSON.stringify([callOf("delete_file")]), text: "delete_file" };
      for (const [name, body] of Object.entries({ ...bodies, half: '{"jsonrpc":"2.0",' })) {
        const part = t.fork(name);
        refused(part, name, await ask(part, body));
      }
      await passes(t);
    },
  }),
  mcpCase({
    id: "stream-untouched",
    requirement: "A call's progress arrives event by event while the server works",
    async run(t) {
      const progress = (n: number): UpstreamStep => ({
        event: {
          event: "message",
          data: { jsonrpc: "2.0", method: "notifications/progress", params: { progress: n } },
        },
      });
      t.upstream.script(STREAM_HEAD, progress(0), { barrier: "1" }, progress(1), { barrier: "2" }, {
        event: { event: "message", data: { ...JSON_RPC, result: { content: [] } } },
      }, { end: true });
      const exchange = await t.send(t.chat({
        path: t.target.mcp?.path ?? "/mcp",
        body: JSON.stringify(callOf("slow")),
        headers: [["accept", "application/json, text/event-stream"]],
      }));
      for (const n of [0, 1]) {
        await exchange.event(n);
        t.upstream.release(String(n + 1));
      }
      t.equal("end", "complete", (await exchange.ended()).kind);
      t.equal("events", 3, exchange.transcript.events.length);
    },
  }),
];

/** Lists of tools by policy. */
export const MCP_TOOLS_CASES: readonly Case[] = [
  mcpCase({
    id: "list-filtered",
    feature: "mcp_tools",
    requirement: "A list of tools holds only those that policy would let the same client call",
    async run(t) {
      const tools = ["read_file", "delete_file"].map((name) => ({
        name,
        description: "d",
        inputSchema: { type: "object" },
      }));
      const request = { ...JSON_RPC, method: "tools/list" };
      // The list itself, and then each of its tools in their order.
      const decisions = [{ allow: {} }, { allow: {} }, { deny: { status: 403 } }];
      t.policy.script(...decisions);
      t.upstream.script(...answers({ tools, nextCursor: "more" }));
      const whole = jsonOf(await ask(t, request));
      const names = (value: { result?: { tools?: { name: string }[] } }) =>
        value?.result?.tools?.map(({ name }) => name);
      t.equal("tools", ["read_file"], names(whole));
      t.equal("the rest", "more", whole?.result?.nextCursor);
      const told = toldOf(t).slice(1);
      t.equal("told", [["tools/call", "read_file"], ["tools/call", "delete_file"]], told);
      const streamed = t.fork("stream");
      streamed.policy.script(...decisions);
      streamed.upstream.script(
        STREAM_HEAD,
        { event: { event: "message", data: { ...JSON_RPC, result: { tools } } } },
        { end: true },
      );
      const { events } = await ask(streamed, request);
      t.equal("tools of a stream", ["read_file"], names(JSON.parse(events[0]?.data ?? "{}")));
    },
  }),
];
