/** Every endpoint of the mock, in one table. */
import { type Answer, type EndpointCall, refuse } from "./answer.ts";
import { countTokens, messages } from "./anthropic/messages.ts";
import { askOfMessages, parseMessages } from "./anthropic/messages_request.ts";
import type { Ask } from "../../dialects/mod.ts";
import { askOfGenerate, parseGenerate } from "./gemini/generate_request.ts";
import { askOfChat, parseChatRequest } from "./openai/chat_request.ts";
import { askOfResponses, parseResponsesRequest } from "./openai/responses_request.ts";
import { countTokens as countGemini, generate, streamGenerate } from "./gemini/generate.ts";
import { embed, embedBatch, geminiModels } from "./gemini/models.ts";
import { batch, batches } from "./openai/batches.ts";
import { editImages, images } from "./openai/images.ts";
import { rerank } from "./openai/rerank.ts";
import { type CanonicalPath, canonicalPath } from "./paths.ts";
import { type Dialect, dialectOf, type ErrorInit } from "../../dialects/mod.ts";
import { isTooDeep, MAX_JSON_DEPTH } from "../../openai/mod.ts";
import { RequestError } from "./request_error.ts";
import { chat } from "./openai/chat.ts";
import { askOfCompletion, completions } from "./openai/completions.ts";
import { embeddings } from "./openai/embeddings.ts";
import { readForm } from "./multipart.ts";
import { models } from "./openai/models.ts";
import { moderations } from "./openai/moderations.ts";
import { responses } from "./openai/responses.ts";
import { files, speech, transcribe } from "./openai/uploads.ts";

/** One endpoint of the mock. */
export interface Route {
  readonly method: "GET" | "POST";
  /** `{name}` stands for one or more characters, slashes included. */
  readonly path: string;
  /** How the body is read. */
  readonly body: "json" | "form" | "none";
  readonly answer: (call: EndpointCall) => Answer;
  /** Reads the request of an endpoint that talks, for scenarios to look at; throws for one that is not valid. */
  readonly ask?: (body: unknown, model: string) => Ask;
}

const askOfChatBody = (body: unknown) => askOfChat(parseChatRequest(body));
const askOfResponsesBody = (body: unknown) => askOfResponses(parseResponsesRequest(body));
const askOfMessagesBody = (body: unknown) => askOfMessages(parseMessages(body, true));
const askOfGenerateBody = (stream: boolean) => (body: unknown, model: string) =>
  askOfGenerate(parseGenerate(body), { model, stream });

const json = "json" as const;
const form = "form" as const;
const none = "none" as const;
const GEMINI = "/v1beta/models/{model}";

/** Every endpoint, first match wins. */
export const ROUTES: readonly Route[] = [
  { method: "POST", path: "/v1/chat/completions", body: json, answer: chat, ask: askOfChatBody },
  {
    method: "POST",
    path: "/v1/completions",
    body: json,
    answer: completions,
    ask: askOfCompletion,
  },
  { method: "POST", path: "/v1/embeddings", body: json, answer: embeddings },
  { method: "POST", path: "/v1/responses", body: json, answer: responses, ask: askOfResponsesBody },
  { method: "POST", path: "/v1/messages", body: json, answer: messages, ask: askOfMessagesBody },
  { method: "POST", path: "/v1/messages/count_tokens", body: json, answer: countTokens },
  {
    method: "POST",
    path: `${GEMINI}:generateContent`,
    body: json,
    answer: generate,
    ask: askOfGenerateBody(false),
  },
  {
    method: "POST",
    path: `${GEMINI}:streamGenerateContent`,
    body: json,
    answer: streamGenerate,
    ask: askOfGenerateBody(true),
  },
  { method: "POST", path: `${GEMINI}:countTokens`, body: json, answer: countGemini },
  { method: "POST", path: `${GEMINI}:embedContent`, body: json, answer: embed },
  { method: "POST", path: `${GEMINI}:batchEmbedContents`, body: json, answer: embedBatch },
  { method: "GET", path: "/v1beta/models", body: none, answer: geminiModels },
  { method: "GET", path: GEMINI, body: none, answer: geminiModels },
  { method: "POST", path: "/v1/moderations", body: json, answer: moderations },
  { method: "POST", path: "/v1/rerank", body: json, answer: rerank },
  { method: "POST", path: "/v2/rerank", body: json, answer: rerank },
  { method: "POST", path: "/v1/images/generations", body: json, answer: images },
  { method: "POST", path: "/v1/images/edits", body: form, answer: editImages },
  { method: "POST", path: "/v1/images/variations", body: form, answer: editImages },
  { method: "POST", path: "/v1/audio/transcriptions", body: form, answer: transcribe },
  { method: "POST", path: "/v1/audio/translations", body: form, answer: transcribe },
  { method: "POST", path: "/v1/audio/speech", body: json, answer: speech },
  { method: "POST", path: "/v1/files", body: form, answer: files },
  { method: "POST", path: "/v1/batches", body: json, answer: batches },
  { method: "GET", path: "/v1/batches", body: none, answer: batches },
  { method: "POST", path: "/v1/batches/{batch}/cancel", body: none, answer: batch },
  { method: "GET", path: "/v1/batches/{batch}", body: none, answer: batch },
  { method: "GET", path: "/v1/models", body: none, answer: models },
  { method: "GET", path: "/v1/models/{model}", body: none, answer: models },
  { method: "GET", path: "/healthz", body: none, answer: health },
  { method: "GET", path: "/", body: none, answer: health },
];

/** A request as it came: what an endpoint gets, but for what the table adds. */
export type RawCall =
  & Omit<EndpointCall, "body" | "form" | "params" | "dialect" | "azure">
  & { readonly bytes: Uint8Array; readonly contentType: string };

const PATTERNS = ROUTES.map((route) => ({ route, pattern: patternOf(route.path) }));
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Reads what scenarios match on: the dialect of a request, and its neutral form when it is a valid one that talks. */
export function readAsk(
  method: string,
  call: Pick<RawCall, "path" | "bytes" | "header">,
): { readonly dialect: Dialect; readonly ask: Ask | undefined } {
  const { path, deployment } = canonicalPath(call.path);
  const dialect = dialectOf(path, (name) => call.header(name));
  const match = PATTERNS.find(({ route, pattern }) =>
    route.method === method && route.ask !== undefined && pattern.test(path)
  );
  if (!match) return { dialect, ask: undefined };
  const model = match.pattern.exec(path)?.groups?.model ?? "";
  try {
    const body = namedModel(jsonOf(call.bytes), deployment);
    return { dialect, ask: match.route.ask?.(body, decodeURIComponent(model)) };
  } catch (error) {
    if (error instanceof RequestError) return { dialect, ask: undefined };
    throw error;
  }
}

/** Answers a request from the table; the same request gets the same answer. */
export async function answerRequest(method: string, call: RawCall): Promise<Answer> {
  const target = canonicalPath(call.path);
  const dialect = dialectOf(target.path, (name) => call.header(name));
  if (dialect !== "anthropic") return await answerIn(dialect, method, target, call);
  // Anthropic names every request, in a header and in its errors.
  const requestId = `req_${call.random.hex(24)}`;
  const answer = await answerIn(dialect, method, target, call, requestId);
  return { ...answer, headers: [...answer.headers ?? [], ["request-id", requestId]] };
}

async function answerIn(
  dialect: Dialect,
  method: string,
  { path, deployment, azure }: CanonicalPath,
  call: RawCall,
  requestId?: string,
): Promise<Answer> {
  if (azure && !call.query.has("api-version")) return missingVersion();
  const refused = (status: number, init: ErrorInit) =>
    refuse(dialect, status, requestId === undefined ? init : { ...init, requestId });
  const found = PATTERNS.filter(({ pattern }) => pattern.test(path));
  if (found.length === 0) {
    return refused(404, {
      message: `Unknown request URL: ${method} ${call.path}. Please check the URL for typos.`,
      code: "unknown_url",
    });
  }
  const wanted = method === "HEAD" ? "GET" : method;
  const match = found.find(({ route }) => route.method === wanted);
  if (!match) {
    const allow = [...new Set(found.map(({ route }) => route.method))].join(", ");
    const message = `Not allowed to ${method} on ${call.path}. Allowed: ${allow}.`;
    return {
      ...refused(405, { message, code: "method_not_supported" }),
      headers: [["allow", allow]],
    };
  }
  const { route, pattern } = match;
  try {
    const params = pattern.exec(path)?.groups ?? {};
    const body = route.body === json ? namedModel(jsonOf(call.bytes), deployment) : undefined;
    const read = route.body === form ? await readForm(call.bytes, call.contentType) : undefined;
    const answer = route.answer({ ...call, path, params, dialect, azure, body, form: read });
    const model = (body as { model?: unknown } | undefined)?.model ?? params.model;
    return typeof model === "string" ? { ...answer, model } : answer;
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    const { message, param, code } = error;
    return refused(error.status, { message, param, code });
  }
}

/** Azure's deployment stands for the model, which a body need not name. */
function namedModel(body: unknown, deployment: string | undefined): unknown {
  if (deployment === undefined || typeof body !== "object" || body === null) return body;
  return { ...body, model: deployment };
}

/** Returns Azure's answer when the query does not name the version of the API. */
function missingVersion(): Answer {
  const error = { code: "404", message: "Resource not found" };
  return { kind: "json", status: 404, body: { error }, paced: false };
}

function jsonOf(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  if (isTooDeep(text)) {
    throw new RequestError(`The JSON body of your request has more than ${MAX_JSON_DEPTH} levels`);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(
      "We could not parse the JSON body of your request: expected a JSON object in UTF-8.",
    );
  }
}

function patternOf(path: string): RegExp {
  const source = path.replace(/[.+?^$()|[\]\\]/g, "\\$&").replace(/\{(\w+)\}/g, "(?<$1>.+?)");
  return new RegExp(`^${source}$`);
}

function health(): Answer {
  return { kind: "json", status: 200, body: { status: "ok" }, paced: false };
}
