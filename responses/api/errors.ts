/** Errors of the API. */
import { errorBody, MAX_JSON_DEPTH, type OpenAiErrorBody } from "../../openai/mod.ts";

/** A refusal that the caller is told about: its status, code and message become the answer. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status of the answer. */
  readonly status: number;
  /** The word in `error.code`, and in `error.type` of what this API's own clients look at. */
  readonly code: string;
  /** The field at fault, or null. */
  readonly param: string | null;

  constructor(status: number, code: string, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }

  /** The body of the answer. */
  body(): OpenAiErrorBody {
    return errorBody(this.status, {
      message: this.message,
      type: this.code,
      code: this.code,
      param: this.param,
    });
  }
}

/** 400: what was sent cannot be used; `param` names the field. */
export function invalidRequest(message: string, param: string | null = null): ApiError {
  return new ApiError(400, "invalid_request", message, param);
}

/** 400: what would walk the body afterwards does not stand any depth. */
export function tooDeep(): ApiError {
  return invalidRequest(`The JSON body of your request has more than ${MAX_JSON_DEPTH} levels`);
}

/** 404 `<thing>_not_found`: also what another tenant's id is answered with. */
export function notFound(thing: string, id: string): ApiError {
  return new ApiError(
    404,
    `${thing}_not_found`,
    `No ${thing.replaceAll("_", " ")} found with id '${id}'`,
  );
}
