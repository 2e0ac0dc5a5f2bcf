/** Errors of the model server, and what the client is told about them. */
import { ApiError } from "../api/errors.ts";
import { isTooLong } from "./context_limits.ts";
import type { Said } from "./said.ts";

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

/** Returns the error of an answer that is none: it ended with a word for failure, or says nothing. */
export function noAnswer(endpoint: string, why: string): BackendError {
  return new BackendError(502, "backend_error", `The model server failed: ${why}`, {
    detail: `The answer of the model server at ${endpoint} is a failure: ${why}`,
  });
}

/** A refusal of a model server, or an error in the place of its answer. */
export interface Refused {
  readonly endpoint: string;
  /** Of the HTTP answer. */
  readonly status: number;
  readonly said: Said;
  readonly model: string;
  readonly retryAfter: string | undefined;
}

/** Statuses of the model server's own trouble that a client may act on; any other becomes 502. */
const TROUBLE: Readonly<Record<number, readonly [status: number, code: string]>> = {
  503: [503, "backend_unavailable"],
  529: [503, "backend_unavailable"],
  504: [504, "backend_timeout"],
};

/**
 * Returns what a refusal means to the caller: status, code and words are the model server's own. A missing model names
 * the remedy; whatever concerns the gateway's own credential is the gateway's fault, not the caller's.
 */
export function refused({ endpoint, said, model, ...answer }: Refused): BackendError {
  // An answer of 200 that is an error says its status itself, or not at all.
  const status = answer.status >= 400 ? answer.status : said.status ?? 502;
  const retryAfter = answer.retryAfter ?? said.retryAfter;
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
    const code = said.code === "insufficient_quota" ? said.code : "rate_limit_exceeded";
    return new BackendError(429, code, said.message, { detail, retryAfter });
  }
  if (isTooLong(said)) {
    return new BackendError(400, "context_length_exceeded", said.message, {
      detail,
      param: "input",
    });
  }
  if (status === 401 || status === 403 || status === 407) {
    return new BackendError(
      502,
      "backend_refused",
      "The model server refuses this gateway's credential",
      { detail: `${detail}: see engine.api_key_env` },
    );
  }
  if (status >= 400 && status < 500) {
    const code = said.code ?? "invalid_request";
    return new BackendError(status, code, said.message, { detail, retryAfter });
  }
  const [told, code] = TROUBLE[status] ?? [502, "backend_error"];
  return new BackendError(told, code, `The model server failed: ${said.message}`, {
    detail,
    retryAfter,
  });
}

function isMissingModel(status: number, { message, code }: Said): boolean {
  if (code === "model_not_found") return true;
  return (status === 404 || status === 400) && /model/i.test(message) &&
    /not found|does not exist|try pulling|not exist/i.test(message);
}
