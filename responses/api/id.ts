/** Ids of objects. */
import { randomBytes } from "node:crypto";

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

/** Hex digits of the time, in milliseconds: enough for 8,900 years. */
const TIME_DIGITS = 12;
/** Random bytes of an id, 80 bits as UUIDs of version 7 have at least 74. */
const RANDOM_BYTES = 10;
/** Ids of which the random part is fetched at once: each call of the system costs as much as all else here. */
const FETCHED = 256;

let random = "";
let used = 0;

/**
 * Returns a new id: the prefix and 32 hex digits, first the time, then chance (as RFC 9562, version 7). Ids that are
 * made together stand together in an index, so that many rows are written with few pages.
 */
export function newId(prefix: IdPrefix): string {
  const time = Date.now().toString(16).padStart(TIME_DIGITS, "0");
  return `${prefix}_${time}${chance()}`;
}

function chance(): string {
  if (used === random.length) {
    random = randomBytes(RANDOM_BYTES * FETCHED).toString("hex");
    used = 0;
  }
  return random.slice(used, used += 2 * RANDOM_BYTES);
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
