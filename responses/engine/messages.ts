/** Items as the messages of a chat: what the model is shown. Pure. */
import type { ChatMessage, ContentPart, ToolCall } from "../../openai/mod.ts";
import { invalidRequest } from "../api/errors.ts";
import { jsonText } from "../api/json_text.ts";
import type { Item } from "../api/objects.ts";
import type { ReasoningField } from "../backend/chat.ts";
import { onlyText, partsOf } from "./content_parts.ts";
import { customArguments } from "./offered_tool.ts";
import { labelledName } from "./tool_names.ts";

/** How a model wants to be shown what it was told before. */
export interface ShownOptions {
  /** The field in which it gets its own thoughts back; without it, it does not. */
  readonly reasoningField?: ReasoningField | undefined;
}

/**
 * Returns the messages of a history, oldest first. Calls that stand next to each other become one
 * assistant message, as chat completions want them; items that a model cannot be shown (searches,
 * lists of tools, requests for approval) are left out.
 *
 * @throws {ApiError} 400 for an item or a part that cannot be passed on
 */
export function messagesOf(items: readonly Item[], options: ShownOptions = {}): ChatMessage[] {
  const builder = new MessageBuilder(items, options);
  for (const item of items) builder.add(item);
  return builder.end();
}

/** The message that carries a tool's result back to the model. */
export function toolMessage(callId: string, text: string): ChatMessage {
  return { role: "tool", tool_call_id: callId, content: text };
}

/** The message in which the model asked for tools, with what it thought. */
export function callMessage(
  calls: readonly ToolCall[],
  { text, thought = "", field }: { text?: string; thought?: string; field?: ReasoningField } = {},
): ChatMessage {
  return {
    role: "assistant",
    content: text || null,
    ...(field === undefined || thought === "" ? {} : { [field]: thought }),
    tool_calls: calls,
  };
}

/** Message to the model about a call that its user did not approve. */
export const DISAGREED = "The user did not agree to this call.";

/** Types of items that the gateway notes for the client; their results stand in the messages after them. */
const NOT_SHOWN: ReadonlySet<string> = new Set([
  "file_search_call",
  "web_search_call",
  "mcp_list_tools",
  "mcp_approval_request",
  "item_reference",
]);

/** Names of the tools whose calls have no name of their own, by the type of the call. */
const CALL_TYPE = /^(\w+)_call$/;
const OUTPUT_TYPE = /_output$/;

/** Fields of a call that are no part of what was asked for. */
const CALL_FIELDS: ReadonlySet<string> = new Set([
  ...["id", "type", "call_id", "status", "name", "namespace", "output", "outputs", "result"],
  ...["created_by", "object", "created_at", "extra_content"],
]);

class MessageBuilder {
  readonly #messages: ChatMessage[] = [];
  readonly #items: readonly Item[];
  readonly #field: ReasoningField | undefined;
  /** The model's reasoning before the next item. */
  #thought = "";
  /** Parts of tools' outputs that a tool's message cannot carry: they follow the last of them. */
  #media: ContentPart[] = [];

  constructor(items: readonly Item[], { reasoningField }: ShownOptions) {
    this.#items = items;
    this.#field = reasoningField;
  }

  add(item: Item): void {
    const { type } = item;
    if (NOT_SHOWN.has(type)) return;
    switch (type) {
      case "message":
        return this.#message(item);
      case "reasoning":
        this.#thought += thoughtOf(item);
        return;
      case "compaction":
        return this.#said({ role: "user", content: jsonText(item["text"]) });
      case "mcp_approval_response":
        return this.#approval(item);
    }
    if (OUTPUT_TYPE.test(type)) {
      const { call_id: id = null, name } = item;
      if (id === null && typeof name === "string") return this.#told(name, item["output"]);
      return this.#output(id ?? item.id, item["output"]);
    }
    const call = callOf(item);
    if (call === undefined) {
      throw invalidRequest(`Cannot show the model an item of type '${type}'`, "input");
    }
    this.#call(call);
    const own = ownOutput(item);
    if (own !== undefined) this.#output(call.id, own);
  }

  end(): ChatMessage[] {
    this.#flush();
    return this.#messages;
  }

  #message(item: Item): void {
    const role = String(item["role"]);
    const parts = partsOf(item["content"]);
    // Plain servers take a text alone.
    const text = onlyText(parts);
    if (role !== "assistant") return this.#said({ role, content: text ?? parts });
    if (text === undefined) {
      throw invalidRequest("An assistant's message can hold text alone", "input");
    }
    this.#said({ role, content: text, ...this.#thoughts() });
  }

  #said(message: ChatMessage): void {
    this.#flush();
    this.#messages.push(message);
    this.#thought = "";
  }

  #call(call: ToolCall): void {
    const last = this.#messages.at(-1);
    if (last?.role !== "assistant") {
      const message = callMessage([call]);
      return this.#said({ ...message, ...this.#thoughts() });
    }
    const { tool_calls = [] } = last;
    this.#messages[this.#messages.length - 1] = {
      ...last,
      ...this.#thoughts(last),
      tool_calls: [...tool_calls, call],
    };
    this.#thought = "";
  }

  /** The thoughts that go with a message of the model's, after those that it has. */
  #thoughts(message?: ChatMessage): Readonly<Record<string, string>> {
    if (this.#field === undefined || this.#thought === "") return {};
    const before = message?.[this.#field];
    return { [this.#field]: `${typeof before === "string" ? before : ""}${this.#thought}` };
  }

  #output(callId: unknown, output: unknown): void {
    const parts = partsOf(isContent(output) ? output : jsonText(output));
    const texts = parts.filter(({ type }) => type === "text");
    const media = parts.filter(({ type }) => type !== "text");
    const id = String(callId);
    if (media.length > 0) {
      this.#media.push({ type: "text", text: `Output of the call ${id}:` }, ...media);
    }
    const said = onlyText(texts) ?? "";
    const text = media.length > 0 && said === "" ? "See the message that follows." : said;
    this.#messages.push(toolMessage(id, text));
  }

  /** An output that nobody called for: the user's word, since no call can carry it. */
  #told(name: string, output: unknown): void {
    const parts = partsOf(isContent(output) ? output : jsonText(output));
    const all = [{ type: "text", text: `${name}: ` }, ...parts];
    this.#said({ role: "user", content: onlyText(all) ?? all });
  }

  #approval(item: Item): void {
    const id = String(item["approval_request_id"]);
    // One that was agreed to is run, and then stands in the history as a call.
    if (item["approve"] === true) return;
    const request = this.#items.find((one) => one.type === "mcp_approval_request" && one.id === id);
    if (request === undefined) return;
    const args = jsonText(request["arguments"]);
    this.#call({
      id,
      type: "function",
      function: { name: jsonText(request["name"]), arguments: args },
    });
    this.#messages.push(toolMessage(id, DISAGREED));
  }

  /** Between a call and its output nothing may stand, so what a tool's message cannot carry comes after all of them. */
  #flush(): void {
    if (this.#media.length === 0) return;
    this.#messages.push({ role: "user", content: this.#media });
    this.#media = [];
  }
}

/** Returns the text of an item of reasoning: the whole, or its summary. */
export function thoughtOf(item: Item): string {
  const content = onlyText(partsOf(item["content"])) ?? "";
  return content !== "" ? content : onlyText(partsOf(item["summary"])) ?? "";
}

function callOf(item: Item): ToolCall | undefined {
  const id = String(item["call_id"] ?? item.id);
  const { type, namespace } = item;
  const given = item["name"] ?? CALL_TYPE.exec(type)?.[1];
  if (typeof given !== "string" || !CALL_TYPE.test(type)) return undefined;
  const name = typeof namespace === "string" && namespace !== ""
    ? labelledName(namespace, given)
    : given;
  const { extra_content: extra } = item;
  return {
    id,
    type: "function",
    function: { name, arguments: argumentsOf(item) || "{}" },
    ...(extra === undefined ? {} : { extra_content: extra }),
  };
}

function argumentsOf(item: Item): string {
  if (item.type === "custom_tool_call") return customArguments(jsonText(item["input"]));
  if (item["arguments"] !== undefined) return jsonText(item["arguments"]);
  if (item["action"] !== undefined) return jsonText(item["action"]);
  const own = Object.entries(item).filter(([name]) => !CALL_FIELDS.has(name));
  return JSON.stringify(Object.fromEntries(own));
}

/** Returns the result of a call, where it stands in the call itself. */
function ownOutput(item: Item): unknown {
  if (item.type === "mcp_call") return item["output"] ?? item["error"] ?? "";
  const { result } = item;
  if (item.type === "image_generation_call" && typeof result === "string") {
    return [{ type: "input_image", image_url: `data:image/png;base64,${result}` }];
  }
  return item["outputs"] ?? result ?? item["output"];
}

/** Whether an output is text or parts, and no value of another kind. */
function isContent(output: unknown): boolean {
  if (typeof output === "string") return true;
  const all = Array.isArray(output) ? output : [output];
  return all.length > 0 &&
    all.every((one) => typeof one === "object" && one !== null && PART_TYPE.test(String(one.type)));
}

const PART_TYPE = /^(input_|output_text$|text$|image_url$|file$|refusal$|computer_screenshot$)/;
