/** What goes wrong at the model server, and what the caller is told about it. */
import { ApiError } from "../api/errors.ts";

/** The model server could not be reached, was too slow, refused the request, or broke off. */
export class BackendError extends ApiError {
  /** For the operator's log: names the server. */
  readonly detail: string;
  /** Seconds after which the caller may try again, as the model server said. */
  readonly retryAfter: string | undefined;

  constructor(
    status: number,
    code: string,
    message: string,
    more: { detail?: string; retryAfter?: string | undefined; param?: string | null } = {},
  ) {
    super(status, code, message, more.param ?? null);
    this.detail = more.detail ?? message;
    this.retryAfter = more.retryAfter;
  }
}

/** Returns the error of a model server that does not answer at all. */
export function unreachable(endpoint: string, cause: string): BackendError {
  return new BackendError(503, "backend_unavailable", "The model server cannot be reached", {
    detail: `Cannot reach the model server at ${endpoint}: ${cause}: is it running?`,
  });
}

/** Returns the error of a model server that stays silent for too long; `ms` is the deadline. */
export function tooSlow(endpoint: string, ms: number): BackendError {
  const text = `The model server sent nothing within ${ms} ms`;
  return new BackendError(504, "backend_timeout", text, {
    detail: `${text} (${endpoint}): raise engine.first_event_timeout_ms if it needs longer`,
  });
}

/** Returns the error of an answer that ended before it was complete. */
export function brokenOff(endpoint: string, cause: string): BackendError {
  return new BackendError(502, "backend_error", "The model server's answer broke off", {
    detail: `The answer of the model server at ${endpoint} broke off: ${cause}`,
  });
}

/** What a model server said when it refused a request. */
export interface Refused {
  readonly endpoint: string;
  readonly status: number;
  readonly text: string;
  readonly model: string;
  readonly retryAfter: string | undefined;
}

/**
 * Returns what a refusal means to the caller. A missing model names the remedy; whatever concerns
 * the gateway's own credential is the gateway's fault, not the caller's.
 */
export function refused({ endpoint, status, text, model, retryAfter }: Refused): BackendError {
  const said = messageIn(text);
  const detail = `The model server at ${endpoint} answered ${status}: ${said.message}`;
  if (isMissingModel(status, said)) {
    return new BackendError(
      404,
      "model_not_found",
      `The model server has no model '${model}'. With Ollama: ollama pull ${model}`,
      { detail, param: "model" },
    );
  }
  if (status === 429) {
    return new BackendError(429, "rate_limit_exceeded", said.message, { detail, retryAfter });
  }
  if (isTooLong(said)) {
    return new BackendError(400, "context_length_exceeded", said.message, {
      detail,
      param: "input",
    });
  }
  if (status === 401 || status === 403) {
    return new BackendError(
      502,
      "backend_refused",
      "The model server refuses this gateway's credential",
      { detail: `${detail}: see engine.api_key_env` },
    );
  }
  if (status >= 400 && status < 500) {
    return new BackendError(400, said.code ?? "invalid_request", said.message, { detail });
  }
  return new BackendError(502, "backend_error", `The model server failed: ${said.message}`, {
    detail,
  });
}

interface Said {
  readonly message: string;
  readonly code: string | undefined;
}

function messageIn(text: string): Said {
  try {
    const { error } = JSON.parse(text);
    if (typeof error === "string") return { message: error, code: undefined };
    const code = typeof error?.code === "string" ? error.code : undefined;
    if (typeof error?.message === "string") return { message: error.message, code };
  } catch {
    // Not JSON: the text itself is all there is.
  }
  return { message: text.slice(0, 500) || "no reason given", code: undefined };
}

function isMissingModel(status: number, { message, code }: Said): boolean {
  if (code === "model_not_found") return true;
  return (status === 404 || status === 400) && /model/i.test(message) &&
    /not found|does not exist|try pulling|not exist/i.test(message);
}

function isTooLong({ message, code }: Said): boolean {
  return code === "context_length_exceeded" ||
    /maximum context length|context window/i.test(message);
}
