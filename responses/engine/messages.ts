/** Items as the messages of a chat: what the model is shown. Pure. */
import type { ChatMessage, ContentPart, ToolCall } from "../../openai/mod.ts";
import { invalidRequest } from "../api/errors.ts";
import type { Item } from "../api/objects.ts";

/**
 * Returns the messages of a history, oldest first. Calls that stand next to each other become one
 * assistant message, as chat completions want them; items that a model cannot be shown (searches,
 * lists of tools, requests for approval) are left out.
 *
 * @throws {ApiError} 400 for a part of a message that cannot be passed on
 */
export function messagesOf(items: readonly Item[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const item of items) {
    const call = callOf(item);
    if (call !== undefined) {
      appendCall(messages, call);
      const output = item.type === "mcp_call" ? item["output"] ?? item["error"] : undefined;
      if (item.type === "mcp_call") messages.push(toolMessage(call.id, textOfOutput(output)));
    } else if (item.type === "message") {
      messages.push(messageOf(item));
    } else if (item.type === "function_call_output") {
      messages.push(toolMessage(String(item["call_id"]), textOfOutput(item["output"])));
    }
  }
  return messages;
}

/** The message that carries a tool's result back to the model. */
export function toolMessage(callId: string, text: string): ChatMessage {
  return { role: "tool", tool_call_id: callId, content: text };
}

/** The message in which the model asked for tools. */
export function callMessage(calls: readonly ToolCall[], text?: string): ChatMessage {
  return { role: "assistant", content: text || null, tool_calls: calls };
}

function callOf(item: Item): ToolCall | undefined {
  if (item.type !== "function_call" && item.type !== "mcp_call") return undefined;
  return {
    id: String(item["call_id"] ?? item.id),
    type: "function",
    function: { name: String(item["name"]), arguments: String(item["arguments"]) },
  };
}

function appendCall(messages: ChatMessage[], call: ToolCall): void {
  const last = messages.at(-1);
  if (last?.role === "assistant") {
    messages[messages.length - 1] = { ...last, tool_calls: [...last.tool_calls ?? [], call] };
  } else messages.push(callMessage([call]));
}

function textOfOutput(output: unknown): string {
  if (typeof output === "string") return output;
  if (!Array.isArray(output)) return output === undefined ? "" : JSON.stringify(output);
  return output.map((part) => String(part?.text ?? "")).join("");
}

function messageOf(item: Item): ChatMessage {
  const given = String(item["role"]);
  // Servers other than OpenAI's know no developers; both words name the same rank.
  const role = given === "developer" ? "system" : given;
  const content = item["content"];
  if (typeof content === "string") return { role, content };
  const parts = (content as Record<string, unknown>[]).map((part) => partOf(part));
  const texts = parts.filter(({ type }) => type === "text");
  // Plain servers take a text alone.
  if (texts.length === parts.length || role === "assistant") {
    return { role, content: texts.map(({ text }) => text ?? "").join("") };
  }
  return { role, content: parts };
}

type Part = Record<string, unknown>;

/** How each part of a message is passed on. */
const PARTS: Readonly<Record<string, (part: Part) => Part>> = {
  input_text: ({ text }) => ({ type: "text", text: String(text ?? "") }),
  output_text: ({ text }) => ({ type: "text", text: String(text ?? "") }),
  text: ({ text }) => ({ type: "text", text: String(text ?? "") }),
  summary_text: ({ text }) => ({ type: "text", text: String(text ?? "") }),
  refusal: ({ refusal }) => ({ type: "text", text: String(refusal ?? "") }),
  input_image: imagePart,
  image_url: imagePart,
  input_file: filePart,
  file: filePart,
  input_audio: (part) => part,
};

function partOf(part: Part): ContentPart {
  const write = PARTS[String(part["type"])];
  if (write === undefined) {
    throw invalidRequest(
      `Cannot pass on a content part of type '${part["type"]}': expected ${
        Object.keys(PARTS).join(", ")
      }`,
      "input",
    );
  }
  return write(part) as unknown as ContentPart;
}

function imagePart(part: Part): Part {
  const given = part["image_url"];
  const { url, detail } = (typeof given === "string" ? { url: given } : given ?? {}) as {
    url?: unknown;
    detail?: unknown;
  };
  if (typeof url !== "string" || !/^(data:|https?:)/.test(url)) {
    throw invalidRequest("An image needs 'image_url': a data: or http(s): URL", "input");
  }
  const wanted = detail ?? part["detail"];
  return { type: "image_url", image_url: { url, ...(wanted ? { detail: wanted } : {}) } };
}

function filePart(part: Part): Part {
  const nested = (part["file"] ?? part) as { file_data?: unknown; filename?: unknown };
  if (typeof nested.file_data !== "string") {
    throw invalidRequest(
      "A file needs 'file_data' (base64) or the 'file_id' of an upload",
      "input",
    );
  }
  return {
    type: "file",
    file: { file_data: nested.file_data, filename: String(nested.filename ?? "file") },
  };
}
