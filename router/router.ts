/** The router as a running service: routes that reload, hosts with their outstanding requests. */
import { type GrpcServer, startGrpcServer } from "../grpc/mod.ts";
import {
  type Answer,
  type PhaseMessage,
  type Processor,
  processorService,
} from "../processor/mod.ts";
import {
  type Log,
  messageOf,
  now,
  silent,
  UnavailableError,
  UsageError,
  watchFile,
} from "../service/mod.ts";
import { decide, type Decision, type Routed, tooLarge } from "./decision.ts";
import { DEFAULT_ROUTES } from "./default_routes.ts";
import { announceHosts } from "./discovery/announced_hosts.ts";
import { ENDPOINT_KEY } from "./discovery/assignment.ts";
import { EndpointFile } from "./discovery/endpoint_file.ts";
import { EndpointService } from "./discovery/endpoint_service.ts";
import { HostList, type HostSource, hostSource } from "./discovery/host_source.ts";
import type { BackendHost } from "./hosts.ts";
import { RouterMetrics } from "./metrics.ts";
import { parseRoutes, type RouteTable } from "./route_table.ts";
import { type RoutingLogic, type Strategy, strategyOf } from "./strategies/strategies.ts";

/** What {@linkcode startRouter} takes. */
export interface RouterOptions {
  /** Interface to listen on; `127.0.0.1` unless told otherwise. */
  readonly host?: string;
  /** Port to listen on; 0, the default, picks a free one. */
  readonly port?: number;
  /** The model servers: a list for good, or a source whose changes are in force once Envoy knows them. */
  readonly hosts: readonly BackendHost[] | HostSource;
  /** File that gets the endpoints, too, for an Envoy that reads them there. */
  readonly endpointFile?: string;
  /** Cluster that the endpoints in the file belong to; `backends` unless told otherwise. */
  readonly endpointCluster?: string;
  /** Milliseconds that Envoy keeps a host which is no longer chosen; 5,000 unless told otherwise. */
  readonly lingerMs?: number;
  /**
   * Milliseconds that a new host waits once Envoy knows it; 0 unless told otherwise. Where several
   * routers stand behind an Envoy, it asks one for endpoints and any for decisions.
   */
  readonly settleMs?: number;
  /** `routes.json`, read again whenever it changes; the built-in routes when left out. */
  readonly routesFile?: string;
  /** `round_robin` unless told otherwise. */
  readonly routing?: RoutingLogic;
  /** Header that names a request's session, for `session`; `x-session-id` unless told otherwise. */
  readonly sessionHeader?: string;
  /**
   * Header by which a client may name the model in place of the body's; none when left out. The
   * body's `model` is then rewritten to what the header says.
   */
  readonly modelHeader?: string;
  /**
   * How many hosts Envoy may try beside the first one when that takes no connection; 2 unless told
   * otherwise. 0 for an Envoy that picks by subset and thus takes one name only.
   */
  readonly alternates?: number;
  /** Lines about routes being loaded or refused, and about failed streams. */
  readonly log?: Log;
  /** Called with each decision. */
  readonly onDecision?: (line: DecisionLine) => void;
}

/** One decision, for people and logs. */
export interface DecisionLine {
  readonly requestId: string;
  readonly path: string;
  /** Empty where the request was refused. */
  readonly route: string;
  readonly model: string;
  readonly endpoint: string;
  /** Error code of a refusal; empty otherwise. */
  readonly code: string;
}

/** A running router. */
export interface Router extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** The routes in force. */
  readonly routes: RouteTable;
  /** Calls `listener` with the hosts that may be chosen, after each change of them. */
  onHosts(listener: (hosts: readonly BackendHost[]) => void): Disposable;
  /** Requests that an endpoint has not answered to the last byte. */
  outstanding(endpoint: string): number;
  /** Reads the routes again. Throws `UsageError`; the old routes then stay. */
  reload(): Promise<void>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

const ENDPOINT_CLUSTER = "backends";
/** More would only make an outage slower to see; `num_retries` of router.yaml is the same. */
const ALTERNATES = 2;
const LOG_NAMESPACE = "llmgate.router";
const SESSION_HEADER = "x-session-id";
/** Set by policy; whatever a client sends under this name is removed at the edge. */
const TENANT_HEADER = "x-tenant";
/** Envoy's own words for the two limits of a route (its router filter's documentation). */
const BEGIN_TIMEOUT_HEADER = "x-envoy-upstream-rq-per-try-timeout-ms";
const TOTAL_TIMEOUT_HEADER = "x-envoy-upstream-rq-timeout-ms";

/**
 * Starts a router and resolves when it listens.
 *
 * @throws {UsageError} for routes that cannot be read, with file, line and column
 * @throws {UnavailableError} when the port cannot be had
 */
export async function startRouter(options: RouterOptions): Promise<Router> {
  const router = new ModelRouter(options);
  await router.start();
  return router;
}

class ModelRouter implements Router {
  readonly host: string;
  port: number;
  readonly #options: RouterOptions;
  readonly #endpoints: EndpointService;
  readonly #strategy: Strategy;
  readonly #metrics = new RouterMetrics();
  readonly #outstanding = new Map<string, number>();
  readonly #stack = new AsyncDisposableStack();
  readonly #log: Log;
  #hosts: HostSource = new HostList();
  #routes: RouteTable = parseRoutes(DEFAULT_ROUTES.text, DEFAULT_ROUTES.file);

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#log = options.log ?? silent;
    this.host = options.host ?? "127.0.0.1";
    this.port = options.port ?? 0;
    this.#strategy = strategyOf(options.routing ?? "round_robin");
    this.#endpoints = new EndpointService(this.#log);
  }

  async start(): Promise<void> {
    await this.reload();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this[Symbol.asyncDispose]());
    await this.#announce();
    const { routesFile } = this.#options;
    if (routesFile !== undefined) {
      this.#stack.use(watchFile(routesFile, () => void this.#reloadOrKeep(routesFile)));
    }
    const server = await this.#listen();
    this.port = server.port;
    this.#stack.use(server);
    undo.move();
  }

  /** Envoy learns of hosts before one of them is chosen. */
  async #announce(): Promise<void> {
    const { hosts, endpointFile, endpointCluster = ENDPOINT_CLUSTER } = this.#options;
    const file = endpointFile === undefined
      ? []
      : [new EndpointFile(endpointFile, endpointCluster)];
    this.#hosts = this.#stack.use(
      await announceHosts({
        source: hostSource(hosts),
        sinks: [this.#endpoints, ...file],
        log: this.#log,
        ...(this.#options.lingerMs === undefined ? {} : { lingerMs: this.#options.lingerMs }),
        ...(this.#options.settleMs === undefined ? {} : { settleMs: this.#options.settleMs }),
      }),
    );
    this.#countAll(this.#hosts.hosts);
    this.#stack.use(this.#hosts.onChange((hosts) => this.#countAll(hosts)));
  }

  async #listen(): Promise<GrpcServer> {
    const { host, port } = this;
    try {
      return await startGrpcServer({
        host,
        port,
        services: [processorService(() => this.#processor()), this.#endpoints.service],
      });
    } catch (error) {
      throw new UnavailableError(
        `Cannot start the router on "${host}:${port}": ${messageOf(error)}`,
      );
    }
  }

  get address(): string {
    return this.host.includes(":") ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  get routes(): RouteTable {
    return this.#routes;
  }

  onHosts(listener: (hosts: readonly BackendHost[]) => void): Disposable {
    return this.#hosts.onChange(listener);
  }

  outstanding(endpoint: string): number {
    return this.#outstanding.get(endpoint) ?? 0;
  }

  async reload(): Promise<void> {
    const { routesFile } = this.#options;
    if (routesFile === undefined) return;
    this.#routes = parseRoutes(await readText(routesFile), routesFile);
  }

  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #reloadOrKeep(file: string): Promise<void> {
    try {
      await this.reload();
      this.#metrics.reloaded("ok");
      this.#log(`Routes reloaded from "${file}"`);
    } catch (error) {
      this.#metrics.reloaded("failed");
      this.#log(`${messageOf(error)}\nThe old routes stay in force`);
    }
  }

  /** The processor of one request; its stream lives until the answer's last byte (see router.yaml). */
  #processor(): Processor {
    let head = NO_HEAD;
    let endpoint: string | undefined;
    return {
      answer: (message) => {
        if (message.phase === "request_headers") {
          head = headOf(message, this.#options);
          if (!message.endOfStream) {
            // Said beforehand, it is refused before it is read.
            const long = tooLarge(head.contentLength);
            return long === undefined ? GO_ON : answerOf(this.#note(head, long), head);
          }
        }
        const body = bodyOf(message);
        if (body === undefined || endpoint !== undefined) return GO_ON;
        const decision = this.#decide(head, body);
        if (decision.kind === "route") {
          endpoint = decision.host.endpoint;
          this.#count(endpoint, this.outstanding(endpoint) + 1);
        }
        return answerOf(decision, head);
      },
      end: (how, error) => {
        if (endpoint !== undefined) this.#count(endpoint, this.outstanding(endpoint) - 1);
        if (how !== "failed") return;
        this.#metrics.failed();
        this.#log(`A request could not be processed: ${messageOf(error)}`);
      },
    };
  }

  #decide(head: Head, body: Uint8Array): Decision {
    const started = now();
    const decision = decide({ ...head, body }, {
      table: this.#routes,
      hosts: this.#hosts.hosts,
      strategy: this.#strategy,
      alternates: this.#options.alternates ?? ALTERNATES,
      outstanding: (endpoint) => this.outstanding(endpoint),
    });
    this.#metrics.decided(now() - started);
    return this.#note(head, decision);
  }

  /** Counts a decision and tells whoever listens. */
  #note(head: Head, decision: Decision): Decision {
    const line = { requestId: head.requestId, path: head.path.split("?", 1)[0] ?? "" };
    if (decision.kind === "route") {
      const { route: { name: route, model }, host: { endpoint } } = decision;
      this.#metrics.routed({ route, model, host: endpoint });
      this.#options.onDecision?.({ ...line, route, model, endpoint, code: "" });
    } else if (decision.kind === "refuse") {
      const { code } = decision;
      this.#metrics.refused(code);
      this.#options.onDecision?.({ ...line, route: "", model: "", endpoint: "", code });
    }
    return decision;
  }

  /** A host that nobody asked yet is counted, too: the metrics show it. */
  #countAll(hosts: readonly BackendHost[]): void {
    for (const { endpoint } of hosts) this.#count(endpoint, this.outstanding(endpoint));
  }

  #count(endpoint: string, count: number): void {
    this.#outstanding.set(endpoint, count);
    this.#metrics.outstanding(endpoint, count);
  }
}

interface Head {
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  readonly session: string | undefined;
  readonly tenant: string | undefined;
  readonly modelHeader: string | undefined;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** NaN when the client did not say. */
  readonly contentLength: number;
}

const NO_HEAD: Head = {
  method: "",
  path: "",
  requestId: "",
  session: undefined,
  tenant: undefined,
  modelHeader: undefined,
  contentType: undefined,
  contentEncoding: undefined,
  contentLength: NaN,
};

const GO_ON: Answer = { kind: "continue" };
const NO_BODY = new Uint8Array();
const encoder = new TextEncoder();

/** The whole body, once it is known; undefined in other phases. */
function bodyOf(message: PhaseMessage): Uint8Array | undefined {
  if (message.phase === "request_headers") return NO_BODY;
  // Buffered, a body comes in one piece; before trailers, it does not bear the end's mark.
  return message.phase === "request_body" ? message.body : undefined;
}

function headOf(
  message: Extract<PhaseMessage, { phase: "request_headers" | "response_headers" }>,
  { sessionHeader = SESSION_HEADER, modelHeader }: RouterOptions,
): Head {
  const value = (name: string) => message.headers.find(([key]) => key === name)?.[1];
  return {
    method: value(":method") ?? "",
    path: value(":path") ?? "",
    requestId: value("x-request-id") ?? "",
    session: value(sessionHeader.toLowerCase()),
    tenant: value(TENANT_HEADER),
    // An empty one names no model.
    modelHeader: modelHeader && (value(modelHeader.toLowerCase()) || undefined),
    contentType: value("content-type"),
    contentEncoding: value("content-encoding"),
    contentLength: Number(value("content-length") ?? NaN),
  };
}

function answerOf(decision: Decision, head: Head): Answer {
  if (decision.kind === "route") return answerOfRoute(decision, head);
  const refused = decision.kind === "refuse";
  return {
    kind: "immediate",
    status: refused ? decision.status : 200,
    headers: { set: [["content-type", "application/json"]] },
    body: encoder.encode(decision.body),
    details: refused ? `router_${decision.code}` : "router_models",
  };
}

function answerOfRoute(decision: Routed, head: Head): Answer {
  const { route, target, host, alternates, fallback, body } = decision;
  const set: [string, string][] = [];
  if (route.timeoutMs !== undefined) set.push([BEGIN_TIMEOUT_HEADER, `${route.timeoutMs}`]);
  if (route.totalTimeoutMs !== undefined) {
    set.push([TOTAL_TIMEOUT_HEADER, `${route.totalTimeoutMs}`]);
  }
  // A length that the client said must be that of the new body, or Envoy refuses the answer.
  if (body !== undefined && !Number.isNaN(head.contentLength)) {
    set.push(["content-length", `${body.length}`]);
  }
  return {
    kind: "continue",
    metadata: {
      "envoy.lb": { [ENDPOINT_KEY]: [host, ...alternates].map((one) => one.endpoint).join(",") },
      [LOG_NAMESPACE]: {
        route: route.name,
        model: route.model,
        endpoint: host.endpoint,
        ...(target.model === route.model ? {} : { backend_model: target.model }),
        ...(fallback ? { fallback } : {}),
      },
    },
    ...(set.length > 0 && { headers: { set } }),
    ...(body && { body: { replace: body } }),
  };
}

async function readText(file: string): Promise<string> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read the routes "${file}": ${messageOf(error)}`);
  }
}
