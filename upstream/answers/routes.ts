/** Every endpoint of the mock, in one table. */
import { type Answer, type EndpointCall, refuse } from "./answer.ts";
import { RequestError } from "./request_error.ts";
import { chat } from "./openai/chat.ts";
import { completions } from "./openai/completions.ts";
import { embeddings } from "./openai/embeddings.ts";
import { readForm } from "./multipart.ts";
import { models } from "./openai/models.ts";
import { moderations } from "./openai/moderations.ts";
import { responses } from "./openai/responses.ts";
import { files, speech, transcribe } from "./openai/uploads.ts";

/** One endpoint of the mock. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Exact path, or a prefix when it ends with "/". */
  readonly path: string;
  /** How the body is read. */
  readonly body: "json" | "form" | "none";
  readonly answer: (call: EndpointCall) => Answer;
}

/** Every endpoint, first match wins. */
export const ROUTES: readonly Route[] = [
  { method: "POST", path: "/v1/chat/completions", body: "json", answer: chat },
  { method: "POST", path: "/v1/completions", body: "json", answer: completions },
  { method: "POST", path: "/v1/embeddings", body: "json", answer: embeddings },
  { method: "POST", path: "/v1/responses", body: "json", answer: responses },
  { method: "POST", path: "/v1/moderations", body: "json", answer: moderations },
  { method: "POST", path: "/v1/audio/transcriptions", body: "form", answer: transcribe },
  { method: "POST", path: "/v1/audio/translations", body: "form", answer: transcribe },
  { method: "POST", path: "/v1/audio/speech", body: "json", answer: speech },
  { method: "POST", path: "/v1/files", body: "form", answer: files },
  { method: "GET", path: "/v1/models", body: "none", answer: models },
  { method: "GET", path: "/v1/models/", body: "none", answer: models },
  { method: "GET", path: "/healthz", body: "none", answer: healthz },
];

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A request as it came: what an endpoint gets, but for its body, which is still bytes. */
export type RawCall = Omit<EndpointCall, "body" | "form"> & {
  readonly bytes: Uint8Array;
  readonly contentType: string;
};

/** Answers a request from the table; the same request gets the same answer. */
export async function answerRequest(method: string, call: RawCall): Promise<Answer> {
  const found = ROUTES.filter((route) => matches(route.path, call.path));
  if (found.length === 0) {
    return refuse(404, {
      message: `Unknown request URL: ${method} ${call.path}. Please check the URL for typos.`,
      code: "unknown_url",
    });
  }
  const wanted = method === "HEAD" ? "GET" : method;
  const route = found.find((candidate) => candidate.method === wanted);
  if (!route) return notAllowed(method, call.path, found);
  try {
    const body = route.body === "json" ? json(call.bytes) : undefined;
    const form = route.body === "form" ? await readForm(call.bytes, call.contentType) : undefined;
    return route.answer({ ...call, body, form });
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { message, param, code } = error;
    return refuse(error.status, { message, param, code });
  }
}

function notAllowed(method: string, path: string, routes: readonly Route[]): Answer {
  const allow = [...new Set(routes.map((route) => route.method))].join(", ");
  const answer = refuse(405, {
    message: `Not allowed to ${method} on ${path}. Allowed: ${allow}.`,
    code: "method_not_supported",
  });
  return answer.kind === "json" ? { ...answer, headers: [["allow", allow]] } : answer;
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    throw new RequestError(
      "We could not parse the JSON body of your request: expected a JSON object in UTF-8.",
    );
  }
}

function matches(route: string, path: string): boolean {
  return route.endsWith("/")
    ? path.startsWith(route) && path.length > route.length
    : path === route;
}

function healthz(): Answer {
  return { kind: "json", status: 200, body: { status: "ok" }, paced: false };
}
