/** Input items (OpenAI API reference, "Create a model response", `input`): what each must hold, and its typed form. */
import { z } from "zod";
import { checkedAt } from "./check.ts";
import { invalidRequest } from "./errors.ts";
import { itemId } from "./id.ts";
import { jsonText } from "./json_text.ts";
import type { Item } from "./objects.ts";

const ROLES = ["user", "assistant", "system", "developer"] as const;

const part = z.looseObject({ type: z.string() });
const message = z.looseObject({
  type: z.literal("message"),
  role: z.enum(ROLES),
  content: z.union([z.string(), z.array(part), z.null()]),
}).refine(
  ({ role, content }) => content !== null || role === "assistant",
  { path: ["content"], message: "expected text or a list of parts" },
);
/** Clients send arguments as the JSON text, or as the object that it says. */
const functionCall = z.looseObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.unknown().transform(jsonText),
});
const customCall = z.looseObject({
  type: z.literal("custom_tool_call"),
  call_id: z.string(),
  name: z.string(),
  input: z.unknown().transform(jsonText),
});
const output = z.unknown().refine((value) => value !== undefined, "expected text or parts")
  .transform((value) => isParts(value) ? value : jsonText(value));
/** Agents also tell their model the output of what it never called: that has a name in place of the call's id. */
const functionCallOutput = z.looseObject({
  type: z.literal("function_call_output"),
  call_id: z.string().nullish(),
  name: z.string().nullish(),
  output,
}).refine(
  ({ call_id, name }) => typeof call_id === "string" || typeof name === "string",
  { path: ["call_id"], message: "expected the id of a call" },
);
const customCallOutput = z.looseObject({
  type: z.literal("custom_tool_call_output"),
  call_id: z.string(),
  output,
});
const approval = z.looseObject({
  type: z.literal("mcp_approval_response"),
  approval_request_id: z.string(),
  approve: z.boolean(),
});
const reference = z.looseObject({ type: z.literal("item_reference"), id: z.string() });

/** Schemas of items of known types; items of other types pass as they are. */
const ITEMS: Readonly<Record<string, z.ZodType>> = {
  message,
  function_call: functionCall,
  custom_tool_call: customCall,
  function_call_output: functionCallOutput,
  custom_tool_call_output: customCallOutput,
  mcp_approval_response: approval,
  item_reference: reference,
};

function isParts(value: unknown): value is { type: string }[] {
  return Array.isArray(value) &&
    value.every((one) => typeof one === "object" && one !== null && typeof one.type === "string");
}

/**
 * Returns items with their types and ids; a text is a user's message.
 *
 * @throws {ApiError} 400 that names the field at fault
 */
export function itemsOf(
  input: string | readonly Record<string, unknown>[],
  field = "input",
): (Item & { readonly id: string })[] {
  if (typeof input === "string") {
    return [{ ...userMessage(input), id: itemId("message") }];
  }
  return input.map((given, index) => {
    const type = given["type"] ?? impliedType(given);
    if (typeof type !== "string") {
      throw invalidRequest(`Missing required parameter: '${field}[${index}].type'`, field);
    }
    const schema = ITEMS[type];
    const sent = { ...given, type };
    const item = schema === undefined ? sent : checkedAt(schema, sent, [field, index]) as Item;
    const id = given["id"];
    return {
      ...withParts(item),
      id: typeof id === "string" && id !== "" ? id : itemId(type),
    };
  });
}

/** The two kinds of items that need not say what they are. */
function impliedType(given: Record<string, unknown>): string | undefined {
  if ("role" in given && "content" in given) return "message";
  const names = Object.keys(given).filter((name) => given[name] !== null && name !== "type");
  return names.length === 1 && names[0] === "id" ? "item_reference" : undefined;
}

function userMessage(text: string): Item {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

/** A message's text in the form in which items are listed: as parts. */
function withParts(item: Item): Item {
  if (item.type !== "message" || Array.isArray(item["content"])) return item;
  const text = item["content"];
  if (text === null) return { ...item, content: [] };
  const type = item["role"] === "assistant" ? "output_text" : "input_text";
  const more = type === "output_text" ? { annotations: [] } : {};
  return { ...item, content: [{ type, text, ...more }] };
}
