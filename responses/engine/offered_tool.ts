/** Tools as the model is offered them: functions all, each with what it is to the caller. Pure. */
import type { ChatTool } from "../../openai/mod.ts";
import type { CustomTool, FunctionTool, NamespaceTool, Tool } from "../api/tools.ts";
import { labelledName } from "./tool_names.ts";
import type { ServerTool } from "./tools/tool.ts";

/** One tool under the name by which the model knows it. */
export interface OfferedTool {
  readonly definition: ChatTool;
  /** As its caller wrote it: `function`, `custom`, `file_search`, `web_search`, `mcp`. */
  readonly type: string;
  /** The name by which the caller knows it. */
  readonly name: string;
  readonly namespace?: string;
  readonly serverLabel?: string;
  /** The tool that runs it here; the client runs the others. */
  readonly server?: ServerTool;
}

/** The tools of a request that the caller runs; those of a namespace one by one. */
export function callersTools(tools: readonly Tool[]): OfferedTool[] {
  return tools.flatMap((tool) => {
    if (tool.type !== "namespace") return callersTool(tool);
    const { name: namespace, tools: inner } = tool as NamespaceTool;
    return (inner ?? []).flatMap((one) => callersTool(one, namespace));
  });
}

function callersTool(tool: Tool, namespace?: string): OfferedTool[] {
  if (tool.type !== "function" && tool.type !== "custom") return [];
  const { name } = tool as FunctionTool | CustomTool;
  const offered = namespace === undefined ? name : labelledName(namespace, name);
  const definition = tool.type === "function"
    ? functionDefinition(tool as FunctionTool, offered)
    : customDefinition(tool as CustomTool, offered);
  return [{ definition, type: tool.type, name, ...(namespace === undefined ? {} : { namespace }) }];
}

function functionDefinition(
  { description, parameters, strict }: FunctionTool,
  name: string,
): ChatTool {
  return {
    type: "function",
    function: {
      name,
      ...(description ? { description } : {}),
      parameters: parameters ?? { type: "object", properties: {} },
      ...(strict === undefined || strict === null ? {} : { strict }),
    },
  };
}

/** A custom tool takes one text: to a model that has functions alone, a function with one argument. */
function customDefinition({ description, format }: CustomTool, name: string): ChatTool {
  const grammar = format?.definition
    ? `The input must follow this ${format.syntax ?? ""} grammar:\n${format.definition}`
    : undefined;
  return {
    type: "function",
    function: {
      name,
      description: [description, grammar].filter(Boolean).join("\n\n") || "Takes a text as input.",
      parameters: {
        type: "object",
        properties: { input: { type: "string", description: "The whole input, as plain text" } },
        required: ["input"],
        additionalProperties: false,
      },
    },
  };
}

/** The text that a model gives to a custom tool; models wrap it in JSON more or less well. */
export function customInput(args: string): string {
  try {
    const read = JSON.parse(args);
    if (typeof read === "string") return read;
    if (typeof read?.input === "string") return read.input;
    const values = Object.values(read ?? {});
    if (values.length === 1 && typeof values[0] === "string") return values[0];
  } catch {
    // The bare text, then.
  }
  return args;
}

/** The arguments that stand for the input of a custom tool in a history. */
export function customArguments(input: string): string {
  return JSON.stringify({ input });
}
