/** `tool_choice` in all its shapes (API reference): what the model may call, and what it must. Pure. */
import { invalidRequest } from "../api/errors.ts";
import type { CreateRequest } from "../api/request.ts";
import { kindOfTool, type NamespaceTool, type Tool } from "../api/tools.ts";
import type { OfferedTool } from "./offered_tool.ts";

/** Tools that a request allows. */
export interface ToolChoice {
  readonly mode: "none" | "auto" | "required" | undefined;
  /** Whether a tool may be called at all; every one when left out. */
  readonly allows?: (tool: OfferedTool) => boolean;
  /** The tools of which one must be called in the first answer; every one when left out. */
  readonly must?: (tool: OfferedTool) => boolean;
}

/** A tool that a choice names. */
interface Reference {
  readonly type: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly server_label?: string;
}

type Given = Readonly<Record<string, unknown>>;

/**
 * Reads the choice of a request.
 *
 * @throws {ApiError} 400 for one that cannot be obeyed: it names a tool that the request does not have
 */
export function toolChoiceOf({ tool_choice: choice, tools }: CreateRequest): ToolChoice {
  if (choice === undefined || choice === null) return { mode: undefined };
  if (typeof choice === "string") {
    if (choice === "required" && tools.length === 0) throw refusal("is 'required'", "any tool");
    return { mode: choice };
  }
  if (choice.type === "allowed_tools") return allowed(choice, tools);
  const reference = known(choice, tools);
  return { mode: "required", must: (tool) => matches(reference, tool) };
}

function allowed(choice: Given, tools: readonly Tool[]): ToolChoice {
  // Chat completions nest the same under the type's name.
  const { mode, tools: listed } = (choice["allowed_tools"] ?? choice) as Given;
  if (!Array.isArray(listed) || (mode !== "auto" && mode !== "required")) {
    throw invalidRequest(
      "Invalid 'tool_choice': allowed_tools needs 'mode' (auto or required) and a list of 'tools'",
      "tool_choice",
    );
  }
  const references = listed.map((one) => known(one as Given, tools));
  return {
    mode,
    allows: (tool) => references.some((reference) => matches(reference, tool)),
  };
}

/** A reference to a tool that the request has. */
function known(given: Given, tools: readonly Tool[]): Reference {
  const nested = given["function"] as Given | undefined;
  const type = kindOfTool(String(given["type"]));
  const name = given["name"] ?? nested?.["name"];
  const { namespace, server_label } = given;
  const reference: Reference = {
    type,
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof namespace === "string" ? { namespace } : {}),
    ...(typeof server_label === "string" ? { server_label } : {}),
  };
  if ((type === "function" || type === "custom") && reference.name === undefined) {
    throw invalidRequest("Missing required parameter: 'tool_choice.name'", "tool_choice");
  }
  if (tools.some((tool) => isAbout(reference, tool))) return reference;
  const what = [reference.server_label ?? namespace, reference.name].filter(Boolean).join(".");
  throw refusal(`names ${type}${what ? ` '${what}'` : ""}`, "it");
}

function refusal(says: string, what: string): Error {
  return invalidRequest(
    `Cannot obey 'tool_choice': it ${says}, and 'tools' does not have ${what}`,
    "tool_choice",
  );
}

function isAbout(reference: Reference, tool: Tool): boolean {
  if (tool.type === "namespace") {
    const { name, tools } = tool as NamespaceTool;
    if (reference.type === "namespace") return reference.name === name;
    if (reference.namespace !== undefined && reference.namespace !== name) return false;
    return (tools ?? []).some((inner) => isAbout(reference, inner as Tool));
  }
  if (kindOfTool(tool.type) !== reference.type) return false;
  // The names of a server's tools are known when it has been asked.
  if (tool.type === "mcp") {
    return reference.server_label === undefined || reference.server_label === tool["server_label"];
  }
  return reference.name === undefined || tool["name"] === undefined ||
    reference.name === tool["name"];
}

function matches(reference: Reference, tool: OfferedTool): boolean {
  if (reference.type === "namespace") return tool.namespace === reference.name;
  return tool.type === reference.type &&
    (reference.name === undefined || !hasNames(tool) || tool.name === reference.name) &&
    (reference.namespace === undefined || tool.namespace === reference.namespace) &&
    (reference.server_label === undefined || tool.serverLabel === reference.server_label);
}

/** Searches are one of a kind: their type is their name. */
function hasNames({ type }: OfferedTool): boolean {
  return type === "function" || type === "custom" || type === "mcp";
}
