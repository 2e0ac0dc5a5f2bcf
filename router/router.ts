/** The router as a running service: routes that reload, hosts with their outstanding requests. */
import { type GrpcServer, startGrpcServer } from "../grpc/mod.ts";
import { processorService } from "../ext_proc/mod.ts";
import {
  assertPeerSecret,
  hostPort,
  type Log,
  messageOf,
  readTextFile,
  silent,
  UnavailableError,
  UsageError,
  watchFile,
} from "../service/mod.ts";
import { accessLogService } from "./access_log.ts";
import { type FinishedRequest, finishedRequest } from "./answers/finished_request.ts";
import { type Deciders, MAX_BODY_BYTES } from "./decision.ts";
import { DEFAULT_ROUTES } from "./default_routes.ts";
import { announceHosts } from "./discovery/announced_hosts.ts";
import { ENDPOINT_KEY } from "./discovery/assignment.ts";
import { EndpointFile } from "./discovery/endpoint_file.ts";
import { EndpointService } from "./discovery/endpoint_service.ts";
import { HostList, type HostSource, hostSource } from "./discovery/host_source.ts";
import { LB_NAMESPACE } from "./exchange.ts";
import type { HostState } from "./health/health_board.ts";
import { type HealthCheckOptions, HealthMonitor } from "./health/monitor.ts";
import type { BackendHost } from "./hosts.ts";
import { RouterMetrics } from "./metrics.ts";
import { OutstandingRequests } from "./outstanding_requests.ts";
import { type DecisionLine, type RequestContext, requestProcessor } from "./request_processor.ts";
import { ResponseHomes } from "./response_homes.ts";
import { loadPatterns } from "../patterns/mod.ts";
import { parseRoutes, type RouteTable } from "./route_table.ts";
import { placeOf, type RoutingLogic, type Strategy, strategyOf } from "./strategies/strategies.ts";

/** Options of {@linkcode startRouter}. */
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
  readonly logic?: RoutingLogic;
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
  /** Longest request body, in bytes, compressed or not; 64 MiB when left out. Envoy must hold as much. */
  readonly maxBodyBytes?: number;
  /** Probes and readings of the hosts; what became of requests is looked at in any case. */
  readonly health?: HealthCheckOptions;
  /** Secret by which Envoy proves itself; needed where `host` is no loopback address. */
  readonly peerSecret?: string | undefined;
  /** Lines about routes being loaded or refused, hosts that fail, and failed streams. */
  readonly log?: Log;
  /** Called with each decision. */
  readonly onDecision?: (line: DecisionLine) => void;
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
  /** How a host stands, by what became of its requests and probes. */
  state(endpoint: string): HostState;
  /** Whether it is known which host keeps a response. */
  keeps(responseId: string): boolean;
  /** Reads the routes again. Throws `UsageError`; the old routes then stay. */
  reload(): Promise<void>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

const LOOPBACK = "127.0.0.1";
const ENDPOINT_CLUSTER = "backends";
/** More would only make an outage slower to see; `num_retries` of router.yaml is the same. */
const ALTERNATES = 2;

/**
 * Starts a router and resolves when it listens.
 *
 * @throws {UsageError} for routes that cannot be read, with file, line and column, and for a port that is open to
 *   other machines without a secret
 * @throws {UnavailableError} when the port cannot be had
 */
export async function startRouter(options: RouterOptions): Promise<Router> {
  assertPeerSecret(options.host ?? LOOPBACK, options.peerSecret, "the model router");
  const router = new ModelRouter(options);
  await router.start();
  return router;
}

class ModelRouter implements Router {
  readonly host: string;
  port: number;
  readonly #options: RouterOptions;
  readonly #endpoints: EndpointService;
  readonly #health: HealthMonitor;
  readonly #strategy: Strategy;
  readonly #metrics = new RouterMetrics();
  readonly #outstanding = new OutstandingRequests(this.#metrics);
  readonly #homes = new ResponseHomes();
  readonly #stack = new AsyncDisposableStack();
  readonly #log: Log;
  #hosts: HostSource = new HostList();
  #routes: RouteTable = parseRoutes(DEFAULT_ROUTES.text, DEFAULT_ROUTES.file);

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#log = options.log ?? silent;
    this.host = options.host ?? LOOPBACK;
    this.port = options.port ?? 0;
    this.#strategy = strategyOf(options.logic ?? "round_robin");
    this.#endpoints = new EndpointService(this.#log);
    this.#health = new HealthMonitor({
      ...options.health,
      place: { namespace: LB_NAMESPACE, key: ENDPOINT_KEY },
      onAttempt: ({ endpoint, outcome }) => this.#metrics.attempted(endpoint, outcome),
      log: this.#log,
    });
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
    this.#stack.use(this.#health);
    this.#follow(this.#hosts.hosts);
    this.#stack.use(this.#hosts.onChange((hosts) => this.#follow(hosts)));
  }

  async #listen(): Promise<GrpcServer> {
    const { host, port } = this;
    const context: RequestContext = {
      headers: this.#options,
      deciders: () => this.#deciders(),
      outstanding: this.#outstanding,
      health: this.#health,
      metrics: this.#metrics,
      log: this.#log,
      onDecision: this.#options.onDecision,
    };
    try {
      return await startGrpcServer({
        host,
        port,
        peerSecret: this.#options.peerSecret,
        // A body comes whole, with some fields around it.
        maxReceiveBytes: (this.#options.maxBodyBytes ?? MAX_BODY_BYTES) + MESSAGE_BYTES,
        services: [
          processorService(() => requestProcessor(context)),
          this.#endpoints.service,
          accessLogService((entry) => {
            this.#health.logged(entry);
            const finished = finishedRequest(entry);
            if (finished !== undefined) this.#finished(finished);
          }),
        ],
      });
    } catch (error) {
      throw new UnavailableError(
        `Cannot start the router on "${host}:${port}": ${messageOf(error)}`,
      );
    }
  }

  get address(): string {
    return hostPort(this.host, this.port);
  }

  get routes(): RouteTable {
    return this.#routes;
  }

  onHosts(listener: (hosts: readonly BackendHost[]) => void): Disposable {
    return this.#hosts.onChange(listener);
  }

  outstanding(endpoint: string): number {
    return this.#outstanding.of(endpoint);
  }

  state(endpoint: string): HostState {
    return this.#health.state(endpoint);
  }

  keeps(responseId: string): boolean {
    return this.#homes.has(responseId);
  }

  async reload(): Promise<void> {
    const { routesFile } = this.#options;
    if (routesFile === undefined) return;
    const text = await readText(routesFile);
    if (text.includes("regex")) await loadPatterns();
    this.#routes = parseRoutes(text, routesFile);
  }

  metrics(): Promise<string> {
    // Time alone brings a host back, so that its state is looked at when somebody asks.
    for (const { endpoint } of this.#hosts.hosts) {
      this.#metrics.stood(endpoint, this.state(endpoint));
    }
    this.#metrics.vllm.show(
      new Map(this.#hosts.hosts.map(({ endpoint, tls }) => [
        `${tls ? "https" : "http"}://${endpoint}`,
        {
          outstanding: this.outstanding(endpoint),
          healthy: SERVING.includes(this.state(endpoint)),
          engine: this.#health.engine(endpoint),
        },
      ])),
    );
    return this.#metrics.text();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  /** Reads the routes again; what cannot be read keeps the old ones. Never rejects. */
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

  #deciders(): Deciders {
    return {
      table: this.#routes,
      hosts: this.#hosts.hosts,
      strategy: this.#strategy,
      alternates: this.#options.alternates ?? ALTERNATES,
      maxBodyBytes: this.#options.maxBodyBytes,
      outstanding: (endpoint) => this.outstanding(endpoint),
      engine: (endpoint) => this.#health.engine(endpoint),
      // A session that returns to its host does so once, and not by chance again and again.
      healthy: (hosts, session) =>
        this.#health.admit(
          hosts,
          session === undefined ? undefined : (endpoint) => placeOf(endpoint, session),
        ),
      home: (id, tenant) => this.#homes.of(id, tenant),
    };
  }

  #finished(request: FinishedRequest): void {
    this.#metrics.answers.finished(request);
    const { responseId, status, host: endpoint, model, tenant } = request;
    if (responseId !== undefined && status === 200) {
      this.#homes.note(responseId, { endpoint, model, tenant });
    }
  }

  #follow(hosts: readonly BackendHost[]): void {
    this.#health.follow(hosts);
    this.#outstanding.follow(hosts);
  }
}

/** Room for what a message of ext_proc has beside a body. */
const MESSAGE_BYTES = 1_048_576;

/** The states in which a host may be chosen. */
const SERVING: readonly HostState[] = ["healthy", "returning"];

async function readText(file: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read the routes "${file}": ${messageOf(error)}`);
  }
}
