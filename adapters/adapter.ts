/** An adapter: a server of OpenAI's Chat in front of a provider that speaks another dialect. */
import { serveLocal } from "../local_http/mod.ts";
import type { ChatRequest } from "../openai/mod.ts";
import { boundedText, isLoopback, type Log, messageOf, silent } from "../service/mod.ts";
import type { AdapterFile } from "./adapter_file.ts";
import { type AnswerHead, completionOf } from "./answer.ts";
import { callOf } from "./ask.ts";
import { AdapterError, adapterErrorIn, adapterErrorOf } from "./errors.ts";
import type { LanguageModel, ModelPart } from "./language_model.ts";
import { type ModelOf, modelsOf, type ProviderName } from "./providers.ts";
import { chatEvents, tells } from "./stream.ts";

/** Options of {@linkcode startAdapter}. */
export interface AdapterOptions {
  readonly provider: ProviderName;
  /** Interface to listen on; 127.0.0.1 when left out. Elsewhere requests must bring the provider's key. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port?: number;
  /** Provider's address with the API's version; its own when left out. */
  readonly baseUrl?: string;
  readonly region?: string;
  readonly keyEnv?: string;
  /** Names that clients use → the provider's; without any, every name is the provider's. */
  readonly models?: AdapterFile["models"];
  readonly env?: (name: string) => string | undefined;
  readonly log?: Log;
}

/** A running adapter. */
export interface Adapter extends AsyncDisposable {
  /** `http://127.0.0.1:9010`, for `--upstream`. */
  readonly url: string;
}

/** Longest request body taken, bytes: images travel inside of it. The limit of Envoy's buffer is the smaller one. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;

type Handler = (request: Request) => Response | Promise<Response>;

/** Headers that tie a request to its trace and log, and that the provider may have. */
const KEPT_HEADERS = ["x-request-id", "traceparent", "tracestate"];

/**
 * Starts an adapter and resolves when it listens. It answers `POST /v1/chat/completions` and `GET /v1/models`; the 200
 * of a stream is held back until its first piece is there, so that a provider's failure keeps its status.
 *
 * @throws {UsageError} when the variable that is to hold the key is not set
 * @throws the system's error when the port cannot be had
 */
export async function startAdapter(options: AdapterOptions): Promise<Adapter> {
  const { provider, host = "127.0.0.1", port = 0, models = {}, log = silent } = options;
  const env = options.env ?? (() => undefined);
  // Whoever can reach another interface must not spend the adapter's credential.
  const own = isLoopback(host) ? env : (name: string) => isSecret(name) ? undefined : env(name);
  const modelOf = await modelsOf(provider, { ...options, env: own });
  const chat: Handler = (request) => answerChat(request, { modelOf, models });
  const routes: Readonly<Record<string, { readonly method: string; readonly handler: Handler }>> = {
    "/v1/chat/completions": { method: "POST", handler: chat },
    "/v1/models": { method: "GET", handler: () => modelList(Object.keys(models), provider) },
    "/healthz": { method: "GET", handler: () => new Response("ok\n") },
  };
  const server = serveLocal((request) => {
    const route = routes[new URL(request.url).pathname];
    if (route === undefined) return failure(new AdapterError(404, "No such path here"));
    if (request.method === route.method) return route.handler(request);
    return failure(
      new AdapterError(405, "No such method here", { headers: { allow: route.method } }),
    );
  }, { host, port, anyName: true, log });
  return { url: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

interface Answering {
  readonly modelOf: ModelOf;
  readonly models: AdapterFile["models"];
}

async function answerChat(
  request: Request,
  { modelOf, models }: Answering,
): Promise<Response> {
  try {
    const asked = await readAsked(request);
    const model = modelOf(providersName(asked.model, models), keyOf(request.headers));
    const call = {
      ...callOf(asked),
      headers: keptOf(request.headers),
      abortSignal: request.signal,
    };
    const head: AnswerHead = {
      id: `chatcmpl-${crypto.randomUUID().replaceAll("-", "")}`,
      created: Math.floor(Date.now() / 1000),
      model: asked.model,
    };
    if (asked.stream !== true) {
      return Response.json(completionOf(head, await model.doGenerate(call)));
    }
    const usage = asked.stream_options?.include_usage === true;
    return await streamed(model, call, { head, usage });
  } catch (error) {
    return failure(adapterErrorOf(error));
  }
}

/** The response to a stream, once its first piece is there. */
async function streamed(
  model: LanguageModel,
  call: Parameters<LanguageModel["doStream"]>[0],
  written: Parameters<typeof chatEvents>[1],
): Promise<Response> {
  const { stream } = await model.doStream(call);
  const parts = stream.values();
  const first = await parts.next();
  const begin: ModelPart[] = [];
  for (let next = first; !next.done; next = await parts.next()) {
    if (next.value.type === "error") throw adapterErrorIn(next.value.error);
    begin.push(next.value);
    if (tells(next.value)) break;
  }
  const last = begin.at(-1);
  if (last === undefined || !tells(last)) throw new AdapterError(502, "The provider said nothing");
  const events = chatEvents(following(begin, parts), written);
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await events.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      } catch (error) {
        // The runtime writes it to stderr, whatever it is: a line, then, and no stack.
        controller.error(`adapter: a stream was broken off: ${messageOf(error)}`);
      }
    },
    cancel: async () => void (await parts.return?.()),
  });
  return new Response(body, {
    headers: { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" },
  });
}

async function* following(
  begin: readonly ModelPart[],
  rest: AsyncIterableIterator<ModelPart>,
): AsyncGenerator<ModelPart> {
  yield* begin;
  yield* rest;
}

async function readAsked(request: Request): Promise<ChatRequest> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  let body: unknown;
  try {
    body = JSON.parse(await boundedText(request, MAX_BODY_BYTES));
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge();
    throw new AdapterError(400, `Expected a JSON body: ${messageOf(error)}`);
  }
  const { model, messages } = (body ?? {}) as Partial<ChatRequest>;
  if (typeof model !== "string") {
    throw new AdapterError(400, "Expected the name of a model", { param: "model" });
  }
  if (!Array.isArray(messages) || messages.length === 0 || messages.some((one) => !isObject(one))) {
    throw new AdapterError(400, "Expected a list of messages", { param: "messages" });
  }
  return body as ChatRequest;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function tooLarge(): AdapterError {
  return new AdapterError(413, `Expected a body of at most ${MAX_BODY_BYTES} bytes`);
}

function providersName(model: string, models: AdapterFile["models"]): string {
  if (Object.hasOwn(models, model)) return models[model] ?? model;
  if (Object.hasOwn(models, "*")) return models["*"] ?? model;
  if (Object.keys(models).length === 0) return model;
  const known = Object.keys(models).slice(0, 20).join(", ");
  throw new AdapterError(404, `No model "${model.slice(0, 80)}" here: expected one of ${known}`, {
    code: "model_not_found",
    param: "model",
  });
}

function keyOf(headers: Headers): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

function keptOf(headers: Headers): Record<string, string> {
  return Object.fromEntries(KEPT_HEADERS.flatMap((name) => {
    const value = headers.get(name);
    return value === null ? [] : [[name, value]];
  }));
}

function isSecret(name: string): boolean {
  return /KEY|TOKEN|SECRET/i.test(name);
}

function modelList(names: readonly string[], owner: string): Response {
  const data = names.filter((name) => name !== "*").map((id) => ({
    id,
    object: "model",
    created: 0,
    owned_by: owner,
  }));
  return Response.json({ object: "list", data });
}

function failure(error: AdapterError): Response {
  return Response.json(error.body, {
    status: error.status,
    headers: error.headers,
  });
}
