/** JSON-RPC 2.0 as MCP uses it: single messages, numbers as ids. */
import { z } from "zod";

/** The parameters of a request. */
export type Params = Readonly<Record<string, unknown>>;

/** A result; MCP's are always objects. */
export type Result = Readonly<Record<string, unknown>>;

/** A message to the server. Without `id` it is a notification; with `result` or `error` an answer. */
export interface OutgoingMessage {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: Result;
  readonly error?: { readonly code: number; readonly message: string };
}

const incoming = z.looseObject({
  id: z.union([z.string(), z.number(), z.null()]).optional(),
  method: z.string().optional(),
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.looseObject({ code: z.number(), message: z.string(), data: z.unknown().optional() })
    .optional(),
});

/** A message of the server: an answer, a notification, or (before revision 2026-07-28) a request. */
export type IncomingMessage = z.infer<typeof incoming>;

/** Codes with a meaning to us: JSON-RPC 2.0 section 5.1, and MCP 2026-07-28, "Error Codes". */
export const CODE = {
  methodNotFound: -32601,
  headerMismatch: -32020,
  missingClientCapability: -32021,
  unsupportedProtocolVersion: -32022,
} as const;

/** Longest part of a server's error message that is told, characters. */
const MAX_MESSAGE = 1_000;

/** The server answered with an error. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data: unknown;
  /** Status of the HTTP response that carried it. */
  readonly status: number;

  constructor(error: NonNullable<IncomingMessage["error"]>, status: number) {
    super(`${error.message.slice(0, MAX_MESSAGE)} (JSON-RPC error ${error.code})`);
    this.code = error.code;
    this.data = error.data;
    this.status = status;
  }
}

/**
 * Reads the messages of a body or of an event: one, or (revision 2025-03-26) a batch.
 *
 * @throws {SyntaxError} when it is no JSON, or no message
 */
export function messagesOf(text: string): IncomingMessage[] {
  const { success, data } = z.array(incoming).safeParse([jsonOf(text)].flat());
  // What else it is stays unsaid: whoever named the address may have no business with it.
  if (!success) throw new SyntaxError("the answer is no JSON-RPC message");
  return data;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
