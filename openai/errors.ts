/** The body of every OpenAI-shaped error (API reference, "Error codes"). */
export interface OpenAiErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** Fields of an error body; `type` follows from the status when it is not given. */
export interface OpenAiErrorInit {
  readonly message: string;
  readonly type?: string;
  readonly param?: string | null;
  readonly code?: string | null;
}

/** The `type` that OpenAI sends with a status (API reference, "Error codes"). */
const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  429: "rate_limit_error",
  500: "server_error",
  502: "server_error",
  503: "server_error",
  504: "server_error",
};

/** Returns the error body for a status; SDKs raise their typed errors from status and body. */
export function errorBody(status: number, init: OpenAiErrorInit): OpenAiErrorBody {
  return {
    error: {
      message: init.message,
      type: init.type ?? TYPES[status] ?? (status < 500 ? "invalid_request_error" : "server_error"),
      param: init.param ?? null,
      code: init.code ?? null,
    },
  };
}

/** Returns the error in a parsed JSON body, or `undefined` when it is not OpenAI-shaped. */
export function errorOf(body: unknown): OpenAiErrorBody["error"] | undefined {
  if (typeof body !== "object" || body === null || !("error" in body)) return undefined;
  const error = body.error;
  if (typeof error !== "object" || error === null) return undefined;
  const { message, type } = error as Record<string, unknown>;
  if (typeof message !== "string" || typeof type !== "string") return undefined;
  const { param, code } = error as Record<string, unknown>;
  return {
    message,
    type,
    param: typeof param === "string" ? param : null,
    code: typeof code === "string" ? code : null,
  };
}
