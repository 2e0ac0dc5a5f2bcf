import {
  type BackendHost,
  discoverHosts,
  type HealthCheckOptions,
  type HostSource,
  type KubernetesHosts,
  parseHosts,
  type Router,
  type RoutingLogic,
  startRouter,
} from "../router/mod.ts";
import type { Log } from "../service/mod.ts";
import type { Upstream } from "../upstream/mod.ts";
import { type BackendPool, startBackendPool } from "./backend_pool.ts";

/** The model router of a gateway, and the backends that it chooses from. */
export interface RoutingOptions {
  /** Model servers, by name or address; mock ones are started when left out. */
  readonly hosts?: readonly BackendHost[];
  /** Ask each host for its `/v1/models`; a host whose models are given is not asked. */
  readonly readModels?: boolean;
  /** Model servers in Kubernetes, in place of `hosts`. */
  readonly kubernetes?: KubernetesHosts;
  /** Model servers that come and go, in place of `hosts`. Its owner disposes it. */
  readonly source?: HostSource;
  /** Roots for hosts with TLS, a PEM file. */
  readonly caFile?: string;
  /** File that gets the endpoints, for a configuration that reads them there. */
  readonly endpointFile?: string;
  /** Milliseconds that Envoy keeps a host which is no longer chosen; 5,000 when left out. */
  readonly lingerMs?: number;
  /** `routes.json`, reloaded on change; the built-in routes when left out. */
  readonly routesFile?: string;
  /** `round_robin` when left out. */
  readonly logic?: RoutingLogic;
  /** Header that names a request's session. */
  readonly sessionHeader?: string;
  /** What each mock backend serves, as `--static-models` says it; every model when left out. */
  readonly models?: string;
  /** Stands between Envoy and the router, on a port of its own: how a broken router is made. */
  readonly relay?: (
    router: Router,
    endpoints: readonly string[],
  ) => Promise<{ readonly port: number } & AsyncDisposable>;
  /** Header by which a client may name the model; none when left out. */
  readonly modelHeader?: string;
  /** Probes and readings of the hosts, and the limits of their health; no probes when left out. */
  readonly health?: HealthCheckOptions;
}

/** A running router with its backends. */
export interface Routing extends AsyncDisposable {
  readonly router: Router;
  /** The model servers of this moment. */
  readonly hosts: readonly BackendHost[];
  /** Port that Envoy asks. */
  readonly port: number;
  /** The mock backends; none when others stand in. */
  readonly backends: readonly Upstream[];
  /** The same as one upstream; undefined when others stand in. */
  readonly pool: BackendPool | undefined;
}

/** Enough to see a spread, and that one can be left out. */
const MOCK_BACKENDS = 3;

const LOOPBACK = "127.0.0.1";

/** What of the gateway's options the routing needs too. */
export interface RoutingPlace {
  /** Port of the router; 0 picks a free one. */
  readonly port: number;
  readonly scenarios?: string | undefined;
  readonly journalLimit: number;
  readonly log: Log;
}

/**
 * Starts mock backends unless hosts are given, then the router.
 *
 * @throws {UsageError} for routes or scenarios that cannot be used
 */
export async function startRouting(options: RoutingOptions, place: RoutingPlace): Promise<Routing> {
  await using stack = new AsyncDisposableStack();
  const pool = options.hosts || options.source || options.kubernetes ? undefined : stack.use(
    await startBackendPool({
      host: LOOPBACK,
      ports: Array<number>(MOCK_BACKENDS).fill(0),
      journalLimit: place.journalLimit,
      log: place.log,
      scenarios: place.scenarios,
    }),
  );
  const backends = pool?.backends ?? [];
  const { caFile } = options;
  const ca = caFile === undefined ? undefined : await Deno.readTextFile(caFile);
  const source = options.source ??
    stack.use(await discover(options, { backends, ca, log: place.log }));
  const router = stack.use(
    await startRouter({
      host: LOOPBACK,
      port: place.port,
      hosts: source,
      log: place.log,
      ...(options.routesFile === undefined ? {} : { routesFile: options.routesFile }),
      ...(options.endpointFile === undefined ? {} : { endpointFile: options.endpointFile }),
      ...(options.lingerMs === undefined ? {} : { lingerMs: options.lingerMs }),
      ...(options.logic === undefined ? {} : { routing: options.logic }),
      ...(options.sessionHeader === undefined ? {} : { sessionHeader: options.sessionHeader }),
      ...(options.modelHeader === undefined ? {} : { modelHeader: options.modelHeader }),
      health: { ...(ca === undefined ? {} : { ca }), ...options.health },
    }),
  );
  const relay = options.relay && stack.use(
    await options.relay(router, source.hosts.map(({ endpoint }) => endpoint)),
  );
  const owned = stack.move();
  return {
    router,
    port: relay?.port ?? router.port,
    get hosts() {
      return source.hosts;
    },
    backends,
    pool,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function discover(
  options: RoutingOptions,
  { backends, ca, log }: { backends: readonly Upstream[]; ca: string | undefined; log: Log },
): Promise<HostSource> {
  const own = () => {
    const addresses = backends.map(({ host, port }) => `${host}:${port}`);
    return parseHosts(addresses.join(","), options.models);
  };
  const { kubernetes } = options;
  return await discoverHosts({
    hosts: options.hosts ?? (kubernetes === undefined ? own() : []),
    readModels: options.readModels ?? false,
    kubernetes,
    ca,
    log,
  });
}
