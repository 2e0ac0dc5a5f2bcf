/** Routes of a control plane, the same for every part that has one: paths, errors, waits. */
import { errorBody } from "../openai/mod.ts";
import { boundedText, messageOf, UnavailableError, UsageError } from "../service/mod.ts";

/** A call of a control plane. */
export interface ControlCall<Part> {
  readonly part: Part;
  readonly request: Request;
  readonly query: URLSearchParams;
  /** The segments of the path that a `:name` takes, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** One route. */
export interface ControlRoute<Part> {
  readonly method: string;
  /** Path after the prefix; a segment `:name` takes any that is not empty. */
  readonly path: string;
  /** Errors are answered: `Problem` by its status, `UsageError` and `RangeError` by 400, `UnavailableError` by 504. */
  readonly run: (call: ControlCall<Part>) => Response | Promise<Response>;
}

/** A refusal of a control plane. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Longest wait that one call may ask for, milliseconds. */
const MAX_WAIT_MS = 120_000;
/** Wait of a call that does not say, milliseconds. */
const WAIT_MS = 30_000;
/** Longest path or name that an answer repeats. */
const ECHO_CHARACTERS = 200;

/**
 * Returns a fetch-style handler for everything below a prefix. Unknown paths are 404, another method 405 with `allow`, a
 * percent-encoding that is none 400; each error has the body that OpenAI's have.
 */
export function controlRoutes<Part>(
  prefix: string,
  routes: readonly ControlRoute<Part>[],
  part: Part,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, searchParams: query } = new URL(request.url);
    const shown = pathname.slice(0, ECHO_CHARACTERS);
    const segments = pathname.startsWith(prefix)
      ? decoded(pathname.slice(prefix.length).split("/"))
      : [];
    if (segments === undefined) {
      return answer(400, `Cannot read "${shown}": a percent-encoding in it is none`);
    }
    const found = routes.flatMap((route) => {
      const params = paramsOf(route.path, segments);
      return params === undefined ? [] : [{ route, params }];
    });
    if (found.length === 0) return answer(404, `Unknown control path "${shown}"`);
    const match = found.find(({ route }) => route.method === request.method);
    if (match === undefined) {
      const allow = found.map(({ route }) => route.method).join(", ");
      return answer(405, `Method not allowed: use ${allow}`, { allow });
    }
    try {
      return await match.route.run({ part, request, query, params: match.params });
    } catch (error) {
      return answer(statusOf(error), messageOf(error));
    }
  };
}

/** How long a call may wait, from its `deadline_ms`: 1 ms to two minutes, half a minute when it does not say. */
export function waitOf(query: URLSearchParams): number {
  const asked = Number(query.get("deadline_ms") ?? WAIT_MS);
  return Number.isFinite(asked) ? Math.min(MAX_WAIT_MS, Math.max(1, asked)) : WAIT_MS;
}

/** Longest body of a call, bytes: what is written into it is read as a file, and a file is no longer. */
const MAX_BODY = 16 * 1024 * 1024;

/** Reads the body of a call. Throws `RangeError`, which is answered by 400, for one beyond 16 MiB. */
export function bodyOf(request: Request): Promise<string> {
  return boundedText(request, MAX_BODY);
}

/** The answer of a call that has nothing to say. */
export function done(_nothing?: void): Response {
  return new Response(null, { status: 204 });
}

function answer(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json(errorBody(status, { message }), { status, headers });
}

function statusOf(error: unknown): number {
  if (error instanceof Problem) return error.status;
  if (error instanceof UnavailableError) return 504;
  return error instanceof UsageError || error instanceof RangeError ? 400 : 500;
}

function decoded(segments: readonly string[]): string[] | undefined {
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function paramsOf(
  path: string,
  segments: readonly string[],
): Record<string, string> | undefined {
  const wanted = path.split("/");
  const params: Record<string, string> = {};
  if (wanted.length !== segments.length) return undefined;
  for (const [index, segment] of segments.entries()) {
    const want = wanted[index] ?? "";
    if (!want.startsWith(":")) {
      if (want !== segment) return undefined;
    } else if (segment === "") return undefined;
    else params[want.slice(1)] = segment;
  }
  return params;
}
