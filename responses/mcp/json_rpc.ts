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

/** The server answered with an error. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly code: number;
  readonly data: unknown;
  /** Status of the HTTP response that carried it. */
  readonly status: number;

  constructor(error: NonNullable<IncomingMessage["error"]>, status: number) {
    super(`${error.message} (JSON-RPC error ${error.code})`);
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
  return [JSON.parse(text)].flat().map((message) => {
    const { success, data } = incoming.safeParse(message);
    if (success) return data;
    throw new SyntaxError(`not a JSON-RPC message: ${text.slice(0, 200)}`);
  });
}
