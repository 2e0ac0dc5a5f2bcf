/** Answers requests of the data API by its table. */
import { z } from "zod";
import { errorBody, isTooDeep, MAX_JSON_DEPTH } from "../openai/mod.ts";
import { boundedText, messageOf, UnavailableError, UsageError } from "../service/mod.ts";
import { HEADERS } from "./headers.ts";
import { NotThere } from "./not_there.ts";
import { openApi } from "./open_api.ts";
import { type ApiParts, type ApiRoute, ROUTES } from "./routes.ts";

const ALL: readonly ApiRoute[] = [...ROUTES, {
  method: "GET",
  path: "/openapi.json",
  summary: "This description",
  run: () => openApi(ALL),
}];

const PREFIX = "/api/v1";

/** Longest body that the API takes, bytes. */
const MAX_BODY = 4 * 1024 * 1024;

/** Answers a request of the API. */
export async function answerApi(parts: ApiParts, request: Request): Promise<Response> {
  const { pathname, searchParams: query } = new URL(request.url);
  const found = ALL.flatMap((route) => {
    const params = paramsOf(`${PREFIX}${route.path}`, pathname);
    return params === undefined ? [] : [{ route, params }];
  });
  if (found.length === 0) {
    return problem(404, "Unknown path: GET /api/v1/openapi.json lists the API");
  }
  const match = found.find(({ route }) => route.method === request.method);
  if (match === undefined) {
    const allow = found.map(({ route }) => route.method).join(", ");
    return problem(405, `Method not allowed: use ${allow}`, { allow });
  }
  try {
    const body = match.route.body && match.route.body.parse(await jsonOf(request));
    const answer = await match.route.run({ parts, params: match.params, query, body, request });
    return answer instanceof Response ? answer : Response.json(answer, { headers: HEADERS });
  } catch (error) {
    return problem(statusOf(error), sayError(error));
  }
}

function statusOf(error: unknown): number {
  if (error instanceof NotThere) return 404;
  if (error instanceof UnavailableError) return 502;
  const isTheirs = [UsageError, RangeError, z.ZodError].some((type) => error instanceof type);
  return isTheirs ? 400 : 500;
}

function sayError(error: unknown): string {
  if (!(error instanceof z.ZodError)) return messageOf(error);
  return error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`).join(
    "; ",
  );
}

async function jsonOf(request: Request): Promise<unknown> {
  const text = await boundedText(request, MAX_BODY);
  if (isTooDeep(text)) throw new UsageError(`The body has more than ${MAX_JSON_DEPTH} levels`);
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw new UsageError("The body is no JSON");
  }
}

function paramsOf(path: string, pathname: string): Record<string, string> | undefined {
  const wanted = path.split("/");
  const given = pathname.split("/");
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [at, want] of wanted.entries()) {
    const value = given[at] ?? "";
    if (!want.startsWith(":")) {
      if (want !== value) return undefined;
      continue;
    }
    try {
      params[want.slice(1)] = decodeURIComponent(value);
    } catch {
      return undefined;
    }
  }
  return params;
}

function problem(status: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json(errorBody(status, { message }), {
    status,
    headers: { ...HEADERS, ...headers },
  });
}
