/** Errors as the clients of each dialect understand them. */
import type { Dialect } from "../../dialects/mod.ts";

/** The parts of an error that a client reads. */
export interface ReadError {
  readonly message: unknown;
  /** OpenAI's and Anthropic's `type`, Gemini's `status`. */
  readonly kind: unknown;
}

// deno-lint-ignore no-explicit-any -- what a gateway sent, whatever it is
type Wire = any;

/** Returns an error of a dialect; `undefined` for a body of another shape. */
export function readError(dialect: Dialect, text: string): ReadError | undefined {
  let body: Wire;
  try {
    body = JSON.parse(text);
  } catch {
    return undefined;
  }
  const error = (Array.isArray(body) ? body[0] : body)?.error;
  if (typeof error !== "object" || error === null || typeof error.message !== "string") {
    return undefined;
  }
  const { message } = error;
  if (dialect === "gemini") {
    return typeof error.code === "number" && typeof error.status === "string"
      ? { message, kind: error.status }
      : undefined;
  }
  if (typeof error.type !== "string") return undefined;
  // Anthropic's clients tell the dialect by the outer type alone.
  const isAnthropic = body.type === "error";
  return isAnthropic === (dialect === "anthropic") ? { message, kind: error.type } : undefined;
}

/** `type` or `status` by HTTP status, as the providers' clients sort them (API references, "Errors"). */
export const KINDS: Readonly<Record<Dialect, Readonly<Record<number, readonly string[]>>>> = {
  openai: {
    400: ["invalid_request_error"],
    401: ["authentication_error", "invalid_request_error"],
    403: ["permission_error", "permission_denied", "invalid_request_error"],
    404: ["not_found_error", "invalid_request_error"],
    413: ["invalid_request_error", "request_too_large"],
    429: ["rate_limit_error", "rate_limit_exceeded", "requests", "tokens", "insufficient_quota"],
    500: ["server_error", "api_error"],
    529: ["server_error", "api_error", "overloaded_error", "service_unavailable"],
  },
  anthropic: {
    400: ["invalid_request_error"],
    401: ["authentication_error"],
    403: ["permission_error"],
    404: ["not_found_error"],
    413: ["request_too_large"],
    429: ["rate_limit_error"],
    500: ["api_error"],
    529: ["overloaded_error", "api_error"],
  },
  gemini: {
    400: ["INVALID_ARGUMENT", "FAILED_PRECONDITION"],
    401: ["UNAUTHENTICATED"],
    403: ["PERMISSION_DENIED"],
    404: ["NOT_FOUND"],
    413: ["INVALID_ARGUMENT"],
    429: ["RESOURCE_EXHAUSTED"],
    500: ["INTERNAL"],
    529: ["UNAVAILABLE"],
  },
};
