import { randomUUID } from "node:crypto";

/** The prefixes of this API's ids. */
export type IdPrefix =
  | "resp"
  | "msg"
  | "fc"
  | "fco"
  | "rs"
  | "item"
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
