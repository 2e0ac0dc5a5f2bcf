/** `mcp`: the tools of registered MCP servers, their lists, and the caller's agreement (API reference, "MCP"). */
import type { ChatMessage } from "../../../openai/mod.ts";
import { messageOf } from "../../../service/mod.ts";
import { invalidRequest } from "../../api/errors.ts";
import { newId } from "../../api/id.ts";
import type { Connector, Item } from "../../api/objects.ts";
import { jsonText } from "../../api/json_text.ts";
import type { McpFilter, McpTool } from "../../api/tools.ts";
import { callMessage, toolMessage } from "../messages.ts";
import { labelledName } from "../tool_names.ts";
import type { Toolbox } from "../toolbox.ts";
import type { ResponseWriter } from "../writer.ts";
import type { ConnectMcp, McpSession, McpToolInfo } from "../../mcp/session.ts";
import type { ServerTool, ToolOutcome } from "./tool.ts";

/** One server of a request, with its tool's own words. */
export interface McpServer {
  readonly tool: McpTool;
  readonly session: McpSession;
}

/**
 * Opens a session for each MCP tool of a request. Only registered servers are reached: a request
 * cannot make the gateway call any address it likes.
 *
 * @throws {ApiError} 400 for a server that is not registered
 */
export async function mcpServers(
  tools: readonly McpTool[],
  find: (id: string) => Promise<Connector | undefined>,
  connect: ConnectMcp,
): Promise<McpServer[]> {
  return await Promise.all(tools.map(async (tool) => {
    const id = tool.connector_id ?? tool.server_label;
    const connector = await find(id);
    if (connector === undefined || (tool.server_url && tool.server_url !== connector.url)) {
      throw invalidRequest(
        `No MCP server is registered as '${id}'${
          tool.server_url ? ` with the address '${tool.server_url}'` : ""
        }: register it with POST /v1/connectors`,
        "tools",
      );
    }
    return { tool, session: connect({ url: connector.url, headers: headersOf(tool) }) };
  }));
}

function headersOf(tool: McpTool): Record<string, string> {
  const given = tool["headers"] as Record<string, string> | null | undefined;
  const token = tool["authorization"];
  return { ...given, ...(typeof token === "string" ? { authorization: `Bearer ${token}` } : {}) };
}

/**
 * Lists the tools of the servers into the response and the toolbox, and runs the calls to which the
 * caller has agreed. Returns what the model is told of those. Lists that the history has are not
 * asked for again.
 */
export async function* mcpPrelude(
  { servers, history, input, approved, toolbox, signal }: {
    readonly servers: readonly McpServer[];
    readonly history: readonly Item[];
    readonly input: readonly Item[];
    readonly approved: readonly ApprovedCall[];
    readonly toolbox: Toolbox;
    readonly signal: AbortSignal;
  },
  writer: ResponseWriter,
): AsyncGenerator<void, readonly ChatMessage[]> {
  const offered: { readonly server: McpServer; readonly info: McpToolInfo }[] = [];
  const before = [...history, ...input];
  for (const server of servers) {
    const known = before.findLast((item) =>
      item.type === "mcp_list_tools" && item["server_label"] === server.tool.server_label &&
      !item["error"]
    );
    const tools = known === undefined
      ? yield* list(server, writer, signal)
      : (known["tools"] as ListedTool[]).map(fromListed);
    for (const info of tools) {
      if (isAllowed(server.tool, info)) offered.push({ server, info });
    }
  }
  // Which of two it would be must not hang on their order, so neither has the plain name.
  const owners = Map.groupBy(offered, ({ info }) => info.name);
  for (const { server, info } of offered) {
    const shared = owners.get(info.name)?.some((other) => other.server !== server) ?? false;
    const name = shared || toolbox.has(info.name)
      ? labelledName(server.tool.server_label, info.name)
      : info.name;
    const { server_label: serverLabel } = server.tool;
    toolbox.add(mcpTool(server, info, name), { name: info.name, serverLabel });
  }
  const messages: ChatMessage[] = [];
  for (const approval of approved) {
    messages.push(...yield* runApproved(approval, { servers, writer, signal }));
  }
  return messages;
}

/** A call to which the caller has agreed, and that has not been run yet. */
export interface ApprovedCall {
  readonly id: string;
  readonly label: string;
  readonly name: string;
  readonly arguments: string;
}

/**
 * Returns the calls to which the input agrees. Where the request for it stands makes no difference: before, or in a
 * history that the input repeats. A call that has been run since is not run again.
 *
 * @throws {ApiError} 400 for an answer to a request that nobody made, or to one of a server that is not among the tools
 */
export function approvedCalls(
  history: readonly Item[],
  input: readonly Item[],
  tools: readonly McpTool[],
): ApprovedCall[] {
  const all = [...history, ...input];
  const seen = new Set<unknown>(
    all.filter(({ type }) => type === "mcp_call").map((call) => call["approval_request_id"]),
  );
  return input.flatMap((item) => {
    const id = item["approval_request_id"];
    if (item.type !== "mcp_approval_response" || seen.has(id)) return [];
    seen.add(id);
    const request = all.find((one) => one.type === "mcp_approval_request" && one.id === id);
    const label = request?.["server_label"];
    if (request === undefined || !tools.some(({ server_label }) => server_label === label)) {
      throw invalidRequest(
        `No request for approval '${id}' in this conversation, or its server is not among the tools`,
        "input",
      );
    }
    if (item["approve"] !== true) return [];
    const { name, arguments: args } = request;
    return [{
      id: String(id),
      label: String(label),
      name: String(name),
      arguments: jsonText(args),
    }];
  });
}

/** A tool as `mcp_list_tools` has it. */
interface ListedTool {
  readonly name: string;
  readonly description: string | null;
  readonly input_schema: Readonly<Record<string, unknown>>;
  readonly annotations: unknown;
}

function fromListed(
  { name, description, input_schema, annotations }: ListedTool,
): McpToolInfo {
  return { name, description: description ?? undefined, inputSchema: input_schema, annotations };
}

async function* list(
  { tool, session }: McpServer,
  writer: ResponseWriter,
  signal: AbortSignal,
): AsyncGenerator<void, readonly McpToolInfo[]> {
  const item = {
    id: newId("mcpl"),
    type: "mcp_list_tools",
    server_label: tool.server_label,
    tools: [] as ListedTool[],
  };
  const output_index = writer.add(item);
  const place = { output_index, item_id: item.id };
  writer.emit("response.mcp_list_tools.in_progress", place);
  yield;
  try {
    const tools = await session.list(signal);
    writer.emit("response.mcp_list_tools.completed", place);
    writer.done(output_index, {
      tools: tools.map(({ name, description, inputSchema, annotations }): ListedTool => ({
        name,
        description: description ?? null,
        input_schema: inputSchema,
        annotations: annotations ?? null,
      })),
    });
    return tools;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    writer.emit("response.mcp_list_tools.failed", place);
    writer.done(output_index, { error: messageOf(error) });
    return [];
  }
}

/** `offered` is its name to the model; server and caller know it by its own. */
function mcpTool(server: McpServer, info: McpToolInfo, offered: string): ServerTool {
  const { tool, session } = server;
  const { name } = info;
  const needsApproval = approvalNeeded(tool, info);
  const opened = { name, server_label: tool.server_label, approval_request_id: null };
  return {
    kind: "mcp",
    needsApproval,
    opened,
    definition: {
      type: "function",
      function: {
        name: offered,
        ...(info.description === undefined ? {} : { description: info.description }),
        parameters: info.inputSchema,
      },
    },
    begin(writer, call, index) {
      if (index !== undefined) return index;
      const request = {
        id: newId("mcpr"),
        type: "mcp_approval_request",
        server_label: tool.server_label,
        name,
        arguments: call.arguments,
      };
      const added = writer.add(request);
      writer.done(added);
      return added;
    },
    run: (call, signal) => callServer(session, { ...call, name }, signal),
    end,
  };
}

async function callServer(
  session: McpSession,
  call: { readonly name: string; readonly arguments: string },
  signal: AbortSignal,
): Promise<ToolOutcome> {
  try {
    const args = call.arguments.trim() === "" ? {} : JSON.parse(call.arguments);
    const { text, isError } = await session.call(call.name, args, signal);
    if (isError) return { text, failed: text, fields: { output: null, error: text } };
    return { text, fields: { output: text, error: null } };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const failed = messageOf(error);
    return { text: `The tool failed: ${failed}`, failed, fields: { output: null, error: failed } };
  }
}

function end(writer: ResponseWriter, output_index: number, outcome: ToolOutcome): void {
  const item_id = writer.output[output_index]?.id;
  const state = outcome.failed === undefined ? "completed" : "failed";
  writer.emit(`response.mcp_call.${state}`, { output_index, item_id });
  writer.done(output_index, { status: state, ...outcome.fields });
}

/** Registered servers are the operator's choice, so silence means that their tools may be run. */
function approvalNeeded({ require_approval: rule }: McpTool, info: McpToolInfo): boolean {
  if (typeof rule === "string") return rule === "always";
  if (!rule) return false;
  const { always, never } = rule;
  // Who is named in both is asked for: the stricter word holds.
  if (always && isIn(always, info)) return true;
  return never ? !isIn(never, info) : false;
}

function isAllowed({ allowed_tools: allowed }: McpTool, info: McpToolInfo): boolean {
  if (!allowed) return true;
  return Array.isArray(allowed) ? allowed.includes(info.name) : isIn(allowed, info);
}

/** Whether a filter takes a tool: its name is listed, and it only reads, each where the filter says so. */
function isIn({ tool_names: names, read_only: readOnly }: McpFilter, info: McpToolInfo): boolean {
  if (names && !names.includes(info.name)) return false;
  if (readOnly === undefined || readOnly === null) return true;
  const { readOnlyHint } = (info.annotations ?? {}) as { readOnlyHint?: unknown };
  return (readOnlyHint === true) === readOnly;
}

/** Runs a call to which the caller has agreed. Returns what the model is told of it. */
async function* runApproved(
  { id, label, name, arguments: text }: ApprovedCall,
  { servers, writer, signal }: {
    readonly servers: readonly McpServer[];
    readonly writer: ResponseWriter;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<void, ChatMessage[]> {
  const server = servers.find(({ tool }) => tool.server_label === label);
  if (server === undefined) return [];
  const open = writer.openCall("mcp_call", { name, callId: id }, {
    server_label: label,
    approval_request_id: id,
  });
  writer.callArguments(open, text);
  writer.closeArguments(open);
  yield;
  const outcome = await callServer(server.session, { name, arguments: text }, signal);
  end(writer, open.index, outcome);
  const call = { id, type: "function" as const, function: { name, arguments: text } };
  return [callMessage([call]), toolMessage(id, outcome.text)];
}
