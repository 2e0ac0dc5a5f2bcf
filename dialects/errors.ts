/** Errors in the shape of each dialect, from one description. */
import { errorBody, type OpenAiErrorInit } from "../openai/mod.ts";
import type { Dialect } from "./paths.ts";

/** Description of an error; `type` and `code` are OpenAI's words and left out where a dialect has none. */
export type ErrorInit = OpenAiErrorInit & {
  /** Seconds after which to try again: the header `retry-after`, and Gemini's `RetryInfo`. */
  readonly retryAfter?: number;
  /** Anthropic's `request_id`. */
  readonly requestId?: string;
};

/** An error as it goes out. */
export interface DialectError {
  readonly body: unknown;
  readonly headers: readonly (readonly [string, string])[];
}

/** `error.type` by status (Anthropic's API reference, "Errors"). */
const ANTHROPIC: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** `error.status` by HTTP status (google.rpc.Code; Google's AIP-193). */
const GEMINI: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  405: "UNIMPLEMENTED",
  409: "ABORTED",
  413: "INVALID_ARGUMENT",
  429: "RESOURCE_EXHAUSTED",
  499: "CANCELLED",
  500: "INTERNAL",
  501: "UNIMPLEMENTED",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
  529: "UNAVAILABLE",
};

/** Returns an error's body and the headers that belong to it, in the dialect's shape. */
export function errorIn(dialect: Dialect, status: number, init: ErrorInit): DialectError {
  const { retryAfter } = init;
  const headers: [string, string][] = retryAfter === undefined
    ? []
    : [["retry-after", String(retryAfter)]];
  return { body: BODIES[dialect](status, init), headers };
}

const BODIES: Readonly<Record<Dialect, (status: number, init: ErrorInit) => unknown>> = {
  openai: errorBody,
  anthropic: (status, { message, requestId }) => ({
    type: "error",
    error: {
      type: ANTHROPIC[status] ?? (status < 500 ? "invalid_request_error" : "api_error"),
      message,
    },
    ...(requestId === undefined ? {} : { request_id: requestId }),
  }),
  gemini: (status, { message, retryAfter }) => ({
    error: {
      code: status,
      message,
      status: GEMINI[status] ?? (status < 500 ? "FAILED_PRECONDITION" : "INTERNAL"),
      ...(retryAfter === undefined ? {} : {
        details: [
          { "@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": `${retryAfter}s` },
        ],
      }),
    },
  }),
};
