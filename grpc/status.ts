/** gRPC status codes by name: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
export const GRPC_STATUS = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

const NAMES = new Map<number, string>(
  Object.entries(GRPC_STATUS).map(([name, code]) => [code, name]),
);

/** The name of a status code, or the number itself for one that gRPC does not define. */
export function statusName(code: number): string {
  return NAMES.get(code) ?? String(code);
}

/** A call that ended with a status other than OK. A handler throws it to answer so; a client call rejects with it. */
export class GrpcError extends Error {
  override name = "GrpcError";
  /** The status code, see {@linkcode GRPC_STATUS}. */
  readonly code: number;
  /** The `grpc-message`, without the status name that `message` starts with. */
  readonly details: string;

  /**
   * @param code Status code; 0 is not an error and is refused.
   * @param details What `grpc-message` says.
   */
  constructor(code: number, details: string) {
    if (code === GRPC_STATUS.OK) {
      throw new RangeError("Cannot make a GrpcError with code 0: OK is not an error");
    }
    super(`${statusName(code)}: ${details}`);
    this.code = code;
    this.details = details;
  }
}

/** A thrown error as a status; the text of an unknown exception stays inside. */
export function statusOf(error: unknown): { code: number; details: string } {
  return error instanceof GrpcError
    ? { code: error.code, details: error.details }
    : { code: GRPC_STATUS.INTERNAL, details: "the handler failed" };
}

/** Longest piece of a request that an answer repeats, characters. */
const MAX_ECHO = 200;

/** A text of the peer's, as an answer may repeat it. */
export function echoOf(text: string): string {
  return text.length <= MAX_ECHO ? text : `${text.slice(0, MAX_ECHO)}…`;
}
