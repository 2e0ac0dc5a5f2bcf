/** Ids of objects. */
import { randomUUID } from "node:crypto";

/** The prefixes of this API's ids. */
export type IdPrefix =
  | "resp"
  | "msg"
  | "fc"
  | "fco"
  | "rs"
  | "item"
  | "ctc"
  | "ctco"
  | "cmp"
  | "conv"
  | "prompt"
  | "file"
  | "vs"
  | "vsfb"
  | "fs"
  | "ws"
  | "mcp"
  | "mcpl"
  | "mcpr";

/** Returns a new id: the prefix and 32 random hex digits, 122 bits of which are random (RFC 9562, version 4). */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${randomUUID().replaceAll("-", "")}`;
}

/** Prefixes of items by their type; `item` for all others. */
const ITEM_PREFIXES: Readonly<Record<string, IdPrefix>> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  reasoning: "rs",
  custom_tool_call: "ctc",
  custom_tool_call_output: "ctco",
  compaction: "cmp",
  file_search_call: "fs",
  web_search_call: "ws",
  mcp_call: "mcp",
  mcp_list_tools: "mcpl",
  mcp_approval_request: "mcpr",
  mcp_approval_response: "mcpr",
};

/** Returns a new id for an item of this type. */
export function itemId(type: string): string {
  return newId(Object.hasOwn(ITEM_PREFIXES, type) ? ITEM_PREFIXES[type] ?? "item" : "item");
}
