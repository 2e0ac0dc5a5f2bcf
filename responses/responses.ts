/** The gateway as a running service: one engine and one store behind two fronts. */
import { Hono } from "hono";
import { startGrpcServer } from "../grpc/mod.ts";
import { EXTERNAL_PROCESSOR, processorService } from "../ext_proc/mod.ts";
import { OWN_HEADER, serveLocal } from "../local_http/mod.ts";
import { outbound } from "../outbound/mod.ts";
import {
  assertPeerSecret,
  assertPortFree,
  type Log,
  messageOf,
  silent,
  UnavailableError,
} from "../service/mod.ts";
import type { RouteEnv } from "./api/resource.ts";
import { TENANT_HEADER } from "./api/tenant.ts";
import { type Backend, connectBackend } from "./backend/backend.ts";
import type { Blobs } from "./blobs/blobs.ts";
import {
  DEFAULT_MODEL_ENDPOINT,
  defaultConfig,
  modelSettings,
  type ResponsesConfig,
} from "./config.ts";
import { Engine } from "./engine/engine.ts";
import { fileContents } from "./engine/file_contents.ts";
import { brave, searxng } from "./engine/tools/web_providers.ts";
import type { WebSearch } from "./engine/tools/web_search.ts";
import { mcpConnector } from "./mcp/session.ts";
import { responsesProcessor } from "./extproc/processor.ts";
import { httpApp } from "./http/app.ts";
import { ResponsesMetrics } from "./metrics.ts";
import { about } from "./resources/about.ts";
import { connectors } from "./resources/connectors.ts";
import { conversations } from "./resources/conversations.ts";
import type { Reply } from "./resources/create.ts";
import { files } from "./resources/files.ts";
import { modelRoutes } from "./resources/model_routes.ts";
import { prompts } from "./resources/prompts.ts";
import { responsesResource } from "./resources/responses.ts";
import { vectorStores } from "./resources/vector_stores.ts";
import { type Search, startSearch } from "./search/mod.ts";
import type { Secrets } from "./secrets.ts";
import { openStorage } from "./storage.ts";
import type { Store } from "./store/store.ts";

/** Options of {@linkcode startResponses}. */
export interface ResponsesOptions {
  /** Everything that the file says; its defaults when left out. */
  readonly config?: ResponsesConfig;
  /** Folder for the store and the files, unless the configuration says otherwise. */
  readonly dataDir: string;
  /** Secrets that the configuration names: `secretsOf`. */
  readonly secrets?: Secrets;
  /** Secret by which Envoy proves itself on both ports; needed where one of them is not on loopback. */
  readonly peerSecret?: string | undefined;
  readonly log?: Log;
  /** Called with each request for a response, when its answer begins. */
  readonly onRequest?: (line: ResponsesLine) => void;
}

/** One request for a response, for people and logs. */
export interface ResponsesLine {
  readonly requestId: string;
  readonly tenant: string;
  readonly front: "extproc" | "http";
  readonly status: number;
  readonly model: string;
  /** Empty where none was made. */
  readonly responseId: string;
  /** Code of an error; empty otherwise. */
  readonly code: string;
}

/** A running gateway. Disposing it stops what runs in the background, and closes the store last. */
export interface Responses extends AsyncDisposable {
  /** `host:port` of the processor, gRPC. */
  readonly extproc: { readonly host: string; readonly port: number; readonly address: string };
  /** The HTTP server; `http://127.0.0.1:8081`. */
  readonly http: { readonly host: string; readonly port: number; readonly url: string };
  /** Base URL of the model server. */
  readonly modelEndpoint: string;
  readonly store: Store;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/**
 * Starts the gateway and resolves when both fronts listen. The model server need not run yet:
 * `/health` tells how it is.
 *
 * @throws {UsageError} for a port that is open to other machines without a secret
 * @throws {UnavailableError} when a port is taken, or the store cannot be opened
 */
export async function startResponses(options: ResponsesOptions): Promise<Responses> {
  const config = options.config ?? defaultConfig();
  const log = options.log ?? silent;
  const { peerSecret } = options;
  assertPeerSecret(config.extproc.host, peerSecret, "the Responses processor");
  assertPeerSecret(config.http.host, peerSecret, "the Responses gateway's HTTP server");
  await using stack = new AsyncDisposableStack();
  const { secrets = {}, dataDir } = options;
  const { store, blobs } = stack.use(
    await openStorage({ config, dataDir, secrets, now: unixNow, log }),
  );
  const backend = stack.use(backendOf(config, secrets.apiKey));
  const metrics = new ResponsesMetrics();
  const search = stack.use(await searchOf(config, { store, blobs, backend, log }));
  const engine = stack.use(
    new Engine({
      store,
      backend,
      files: fileContents(store, blobs),
      fileSearch: search,
      maxRounds: config.engine.max_tool_rounds,
      forwardHeaders: config.engine.forward_headers,
      models: modelSettings(config),
      ...(secrets.sealSecret === undefined ? {} : { sealSecret: secrets.sealSecret }),
      log,
      onBegin: (ms) => metrics.began(ms),
      onEnd: (response) => metrics.ended(response),
      connectMcp: mcpConnector(outbound({ allow: config.connectors.allow })),
      ...webSearchOf(config, secrets),
    }),
  );
  const onFault = (error: unknown) => log(`A request could not be processed: ${messageOf(error)}`);
  const onCreate = (front: ResponsesLine["front"]) => (reply: Reply, request: Asked) => {
    metrics.requested({ front, status: reply.status }, reply.code);
    options.onRequest?.(lineOf(front, reply, request));
  };
  const { websocket: webSocket } = config.http;
  const shared = { engine, store, onFault, webSocket, onCreate: onCreate("http") };
  const app = httpApp({
    resources: [
      about({ backend, metrics }),
      modelRoutes({ backend, forwardHeaders: config.engine.forward_headers }),
      responsesResource(shared),
      responsesResource(shared, "/responses"),
      conversations({ store, now: unixNow }),
      prompts({ store, now: unixNow }),
      connectors({ store, now: unixNow }),
      files({ store, blobs, now: unixNow }),
      vectorStores({ store, search, now: unixNow }),
    ],
    defaultTenant: config.http.default_tenant,
    onError: onFault,
  });
  const http = await listen(config, { app, peerSecret, log, stack });
  const extproc = stack.use(
    await listenGrpc(config, peerSecret, () =>
      responsesProcessor({
        engine,
        defaultTenant: config.http.default_tenant,
        onFault,
        onCreate: onCreate("extproc"),
      })),
  );
  extproc.setHealth(EXTERNAL_PROCESSOR, "SERVING");
  const owned = stack.move();
  return {
    extproc: { host: extproc.host, port: extproc.port, address: extproc.address },
    http,
    modelEndpoint: backend.endpoint,
    store,
    metrics: () => metrics.text(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Paths that need no proof: probes, Prometheus, and the description of the API, which hold nothing of a tenant. */
const OPEN_PATHS = ["/health", "/metrics", "/openapi.json"];

/** Unix seconds. */
function unixNow(): number {
  return Math.floor(Date.now() / 1000);
}

type Asked = { readonly requestId: string; readonly tenant: string };

function lineOf(front: ResponsesLine["front"], reply: Reply, asked: Asked): ResponsesLine {
  const { status, model = "", responseId = "", code = "" } = reply;
  return { ...asked, front, status, model, responseId, code };
}

function backendOf({ engine }: ResponsesConfig, apiKey: string | undefined): Backend {
  return connectBackend({
    endpoint: engine.model_endpoint ?? DEFAULT_MODEL_ENDPOINT,
    firstEventTimeoutMs: engine.first_event_timeout_ms,
    ...(apiKey === undefined ? {} : { apiKey }),
  });
}

function webSearchOf(
  { web_search: wanted }: ResponsesConfig,
  { webSearchKey: key = "" }: Secrets,
): { webSearch?: WebSearch } {
  if (wanted?.searxng !== undefined) return { webSearch: searxng(wanted.searxng) };
  if (wanted?.brave === undefined) return {};
  return { webSearch: brave({ key, endpoint: wanted.brave.endpoint }) };
}

function searchOf(
  { search }: ResponsesConfig,
  parts: { store: Store; blobs: Blobs; backend: Backend; log: Log },
): Promise<Search> {
  return startSearch({
    ...parts,
    embeddingModel: search.embedding_model,
    dimensions: search.dimensions,
    memoryMib: search.memory_mib,
    maxFileBytes: search.max_file_mib * 2 ** 20,
    readTimeoutMs: search.read_timeout_ms,
    now: unixNow,
    onError: (error) => parts.log(`A file could not be indexed: ${messageOf(error)}`),
  });
}

async function listen(
  { http: { host, port, allowed_hosts: names } }: ResponsesConfig,
  { app, peerSecret, log, stack }: {
    app: Hono<RouteEnv>;
    peerSecret: string | undefined;
    log: Log;
    stack: AsyncDisposableStack;
  },
): Promise<Responses["http"]> {
  const what = "the Responses gateway's HTTP server";
  await assertPortFree({ host, port, what, remedy: "set http.port to 0 for a free one" });
  // A page that Envoy lets through comes with the tenant that policy gave it; one that asks here itself cannot say it.
  const server = stack.use(serveLocal((request) => app.fetch(request), {
    host,
    port,
    names,
    peer: { secret: peerSecret, open: OPEN_PATHS },
    pages: "preflighted",
    ownHeaders: [OWN_HEADER, TENANT_HEADER],
    log,
  }));
  return { host, port: server.port, url: server.url };
}

async function listenGrpc(
  { extproc: { host, port } }: ResponsesConfig,
  peerSecret: string | undefined,
  open: Parameters<typeof processorService>[0],
) {
  try {
    return await startGrpcServer({ host, port, peerSecret, services: [processorService(open)] });
  } catch (error) {
    throw new UnavailableError(
      `Cannot start the Responses processor on "${host}:${port}": ${messageOf(error)}: ` +
        "set extproc.port to 0 for a free one",
    );
  }
}
