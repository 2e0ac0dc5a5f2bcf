/** Reads a model server's error, in the shapes that servers have for it. Pure. */

/** The words of an error, as far as it has them. */
export interface Said {
  readonly message: string;
  readonly code?: string;
  readonly type?: string;
  /** HTTP status that the error itself names, 400 to 599. */
  readonly status?: number;
  /** Seconds to wait. */
  readonly retryAfter?: string;
}

type Fields = Readonly<Record<string, unknown>>;

/** Words for kinds of errors, in lower case without `_` and `-`, and the status that each stands for. */
const STATUSES: Readonly<Record<string, number>> = {
  invalidrequesterror: 400,
  badrequesterror: 400,
  badrequest: 400,
  invalidargument: 400,
  failedprecondition: 400,
  contextlengthexceeded: 400,
  exceedcontextsizeerror: 400,
  authenticationerror: 401,
  unauthenticated: 401,
  permissionerror: 403,
  permissiondenied: 403,
  notfounderror: 404,
  notfound: 404,
  modelnotfound: 404,
  requesttoolarge: 413,
  ratelimiterror: 429,
  ratelimitexceeded: 429,
  resourceexhausted: 429,
  toomanyrequests: 429,
  insufficientquota: 429,
  overloadederror: 503,
  overloaded: 503,
  unavailable: 503,
  serviceunavailable: 503,
  deadlineexceeded: 504,
  timeouterror: 504,
};

/** The error that the body of a refusal holds; the text itself where nothing is known of its shape. */
export function saidIn(text: string): Said {
  try {
    const body = JSON.parse(text);
    const said = errorIn(body) ?? (isFields(body) ? saidOf(body) : undefined);
    if (said !== undefined) return said;
  } catch {
    // Not JSON: the text itself is all there is.
  }
  return { message: text.slice(0, 500) || "no reason given" };
}

/**
 * The error that stands in the place of an answer, or of a chunk of one; undefined for an answer. `event` is the name
 * under which the chunk came.
 */
export function errorIn(body: unknown, event?: string): Said | undefined {
  // Gemini wraps its errors in a list.
  if (Array.isArray(body)) return body.length === 0 ? undefined : errorIn(body[0], event);
  if (!isFields(body)) return undefined;
  const { error, choices } = body;
  if (error !== undefined && error !== null && error !== false) {
    if (isFields(error)) {
      // Proxies wrap what they were told in an error of their own.
      const inner = isFields(error["error"]) ? saidOf(error["error"]) : undefined;
      return saidOf(error) ?? inner ?? { message: JSON.stringify(error) };
    }
    const other = saidOf(body);
    const message = typeof error === "string" ? error : other?.message ?? "no reason given";
    return { ...other, message };
  }
  const choice = Array.isArray(choices) ? choices[0] : undefined;
  if (isFields(choice) && isFields(choice["error"])) return saidOf(choice["error"]);
  if (event === "error" || body["object"] === "error" || body["type"] === "error") {
    return saidOf(body) ?? { message: JSON.stringify(body) };
  }
  const { base_resp } = body;
  if (isFields(base_resp) && Number(base_resp["status_code"] ?? 0) !== 0) {
    return { message: String(base_resp["status_msg"] ?? "no reason given") };
  }
  const { errors } = body;
  if (choices === undefined && Array.isArray(errors) && errors.length > 0) {
    const [first] = errors;
    return isFields(first) ? saidOf(first) ?? { message: JSON.stringify(first) } : {
      message: String(first),
    };
  }
  // FastAPI, DashScope and others: no choices, and a reason beside the place where they would be.
  return choices === undefined && body["usage"] === undefined ? saidOf(body) : undefined;
}

/** Fields in which errors bear an HTTP status. */
const STATUS_FIELDS = ["code", "status", "status_code", "statusCode", "http_status"] as const;

function saidOf(fields: Fields): Said | undefined {
  const said = [fields["message"], fields["detail"], fields["msg"], fields["error_msg"]]
    .find((one) => one !== undefined && one !== null && one !== "");
  if (said === undefined) return undefined;
  const code = textOf(fields["code"]);
  const type = textOf(fields["type"]) ?? textOf(fields["status"]);
  const status = STATUS_FIELDS.map((name) => Number(fields[name]))
    .find((one) => one >= 400 && one <= 599) ?? statusOf(code) ?? statusOf(type);
  const wait = Number(fields["retry_after"] ?? NaN);
  return {
    message: typeof said === "string" ? said : JSON.stringify(said),
    ...(code === undefined ? {} : { code }),
    ...(type === undefined ? {} : { type }),
    ...(status === undefined ? {} : { status }),
    ...(wait > 0 ? { retryAfter: String(Math.ceil(wait)) } : {}),
  };
}

/** A word, not a number in quotes. */
function textOf(value: unknown): string | undefined {
  return typeof value === "string" && /[a-z]/i.test(value) ? value : undefined;
}

function statusOf(word: string | undefined): number | undefined {
  return STATUSES[(word ?? "").toLowerCase().replace(/[^a-z]/g, "")];
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
