/** `mcp`: the tools of registered MCP servers, their lists, and the caller's agreement (API reference, "MCP"). */
import type { ChatMessage } from "../../../openai/mod.ts";
import { messageOf } from "../../../service/mod.ts";
import { invalidRequest } from "../../api/errors.ts";
import { newId } from "../../api/id.ts";
import type { Connector, Item } from "../../api/objects.ts";
import type { McpTool } from "../../api/request.ts";
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
  { servers, history, input, toolbox, signal }: {
    readonly servers: readonly McpServer[];
    readonly history: readonly Item[];
    readonly input: readonly Item[];
    readonly toolbox: Toolbox;
    readonly signal: AbortSignal;
  },
  writer: ResponseWriter,
): AsyncGenerator<void, readonly ChatMessage[]> {
  const offered: { readonly server: McpServer; readonly info: McpToolInfo }[] = [];
  for (const server of servers) {
    const known = history.findLast((item) =>
      item.type === "mcp_list_tools" && item["server_label"] === server.tool.server_label &&
      !item["error"]
    );
    const tools = known === undefined
      ? yield* list(server, writer, signal)
      : (known["tools"] as ListedTool[]).map(fromListed);
    for (const info of tools) {
      if (isAllowed(server.tool, info.name)) offered.push({ server, info });
    }
  }
  // Which of two it would be must not hang on their order, so neither has the plain name.
  const owners = Map.groupBy(offered, ({ info }) => info.name);
  for (const { server, info } of offered) {
    const shared = owners.get(info.name)?.some((other) => other.server !== server) ?? false;
    const name = shared || toolbox.has(info.name)
      ? labelledName(server.tool.server_label, info.name)
      : info.name;
    toolbox.add(mcpTool(server, info, name));
  }
  const messages: ChatMessage[] = [];
  for (const item of input.filter(({ type }) => type === "mcp_approval_response")) {
    messages.push(...yield* runApproved(item, { servers, history, writer, signal }));
  }
  return messages;
}

/** A tool as `mcp_list_tools` has it. */
interface ListedTool {
  readonly name: string;
  readonly description: string | null;
  readonly input_schema: Readonly<Record<string, unknown>>;
  readonly annotations: unknown;
}

function fromListed({ name, description, input_schema }: ListedTool): McpToolInfo {
  return { name, description: description ?? undefined, inputSchema: input_schema };
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
  const needsApproval = approvalNeeded(tool, name);
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
function approvalNeeded({ require_approval: rule }: McpTool, name: string): boolean {
  if (typeof rule === "string") return rule === "always";
  if (!rule) return false;
  if (rule.never?.tool_names?.includes(name)) return false;
  return rule.always?.tool_names?.includes(name) ?? rule.never !== undefined;
}

function isAllowed({ allowed_tools: allowed }: McpTool, name: string): boolean {
  if (!allowed) return true;
  return (Array.isArray(allowed) ? allowed : allowed.tool_names ?? [name]).includes(name);
}

/** The call that an approval is about, run or refused. */
async function* runApproved(
  response: Item,
  { servers, history, writer, signal }: {
    readonly servers: readonly McpServer[];
    readonly history: readonly Item[];
    readonly writer: ResponseWriter;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<void, ChatMessage[]> {
  const id = String(response["approval_request_id"]);
  const request = history.find((item) => item.type === "mcp_approval_request" && item.id === id);
  const label = request?.["server_label"];
  const server = servers.find(({ tool }) => tool.server_label === label);
  if (request === undefined || server === undefined) {
    throw invalidRequest(
      `No request for approval '${id}' in this conversation, or its server is not among the tools`,
      "input",
    );
  }
  const name = String(request["name"]);
  const text = String(request["arguments"]);
  const call = { id, type: "function" as const, function: { name, arguments: text } };
  if (response["approve"] !== true) {
    return [callMessage([call]), toolMessage(id, "The user did not agree to this call.")];
  }
  const open = writer.openCall("mcp_call", { name, callId: id }, {
    server_label: label,
    approval_request_id: id,
  });
  writer.callArguments(open, text);
  writer.closeArguments(open);
  yield;
  const outcome = await callServer(server.session, { name, arguments: text }, signal);
  end(writer, open.index, outcome);
  return [callMessage([call]), toolMessage(id, outcome.text)];
}
