/** Failures of a provider as errors of OpenAI's API. */
import { errorBody } from "../openai/mod.ts";
import { messageOf } from "../service/mod.ts";

/** An answer that is an error. */
export class AdapterError extends Error {
  override readonly name = "AdapterError";
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    more: {
      readonly code?: string;
      readonly param?: string;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.status = status;
    this.code = more.code ?? null;
    this.param = more.param ?? null;
    this.headers = more.headers ?? {};
  }

  /** The body that a client of Chat understands. */
  get body(): unknown {
    const { status, message, code, param } = this;
    return errorBody(status, { message, code, param });
  }
}

/** Headers of a provider's error that clients act upon. */
const KEPT_HEADERS = ["retry-after", "retry-after-ms", "x-should-retry"];

/** The fields of the SDK's `AI_APICallError`; told by its name, since the class is inside of the bundle. */
interface ApiCallError {
  readonly name: "AI_APICallError";
  readonly message: string;
  readonly statusCode?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** Returns any failure of a call as an error that may be shown. */
export function adapterErrorOf(error: unknown): AdapterError {
  if (error instanceof AdapterError) return error;
  if (isApiCallError(error)) return ofProvider(error);
  const { name } = error as { name?: unknown };
  if (name === "AI_UnsupportedFunctionalityError" || name === "AI_InvalidPromptError") {
    return new AdapterError(400, `This provider cannot do that: ${messageOf(error)}`, {
      code: "unsupported_value",
    });
  }
  if (name === "AI_LoadAPIKeyError" || name === "AI_LoadSettingError") {
    return new AdapterError(401, messageOf(error), { code: "invalid_api_key" });
  }
  return new AdapterError(502, `The provider did not answer: ${messageOf(error)}`, {
    code: "upstream_unavailable",
  });
}

/** An error inside of a stream, whose status has long been sent: a provider's own words, or ours. */
export function adapterErrorIn(error: unknown): AdapterError {
  if (typeof error === "object" && error !== null && !(error instanceof Error)) {
    const { message, type } = error as { message?: unknown; type?: unknown };
    if (typeof message === "string") {
      const overloaded = type === "overloaded_error" || type === "rate_limit_error";
      return new AdapterError(overloaded ? 503 : 500, message, {
        ...(typeof type === "string" ? { code: type } : {}),
      });
    }
  }
  return typeof error === "string" ? new AdapterError(500, error) : adapterErrorOf(error);
}

function isApiCallError(error: unknown): error is ApiCallError {
  return error instanceof Error && error.name === "AI_APICallError";
}

function ofProvider(error: ApiCallError): AdapterError {
  const { message, statusCode, responseHeaders = {} } = error;
  if (statusCode !== undefined && statusCode < 400) {
    return new AdapterError(502, `The provider's answer cannot be read: ${causeOf(error)}`, {
      code: "upstream_failed",
    });
  }
  const status = statusCode ?? 502;
  const headers = Object.fromEntries(
    KEPT_HEADERS.flatMap((name) => {
      const value = responseHeaders[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return new AdapterError(status, message || `The provider answered ${status}`, { headers });
}

function causeOf({ message, cause }: ApiCallError): string {
  return cause === undefined || cause === null ? message : messageOf(cause);
}
