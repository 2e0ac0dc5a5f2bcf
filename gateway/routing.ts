import {
  type BackendHost,
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
  /** Model servers; mock ones are started when left out. */
  readonly hosts?: readonly BackendHost[];
  /** `routes.json`, reloaded on change; the built-in routes when left out. */
  readonly routesFile?: string;
  /** `round_robin` when left out. */
  readonly logic?: RoutingLogic;
  /** Header that names a request's session. */
  readonly sessionHeader?: string;
  /** What each mock backend serves, as `--static-models` says it; every model when left out. */
  readonly models?: string;
  /** Stands between Envoy and the router, on a port of its own: how a broken router is made. */
  readonly relay?: (router: Router) => Promise<{ readonly port: number } & AsyncDisposable>;
}

/** A running router with its backends. */
export interface Routing extends AsyncDisposable {
  readonly router: Router;
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
  const pool = options.hosts ? undefined : stack.use(
    await startBackendPool({
      host: LOOPBACK,
      ports: Array<number>(MOCK_BACKENDS).fill(0),
      journalLimit: place.journalLimit,
      log: place.log,
      scenarios: place.scenarios,
    }),
  );
  const backends = pool?.backends ?? [];
  const hosts = options.hosts ??
    parseHosts(backends.map(({ host, port }) => `${host}:${port}`).join(","), options.models);
  const router = stack.use(
    await startRouter({
      host: LOOPBACK,
      port: place.port,
      hosts,
      log: place.log,
      ...(options.routesFile === undefined ? {} : { routesFile: options.routesFile }),
      ...(options.logic === undefined ? {} : { routing: options.logic }),
      ...(options.sessionHeader === undefined ? {} : { sessionHeader: options.sessionHeader }),
    }),
  );
  const relay = options.relay && stack.use(await options.relay(router));
  const owned = stack.move();
  return {
    router,
    port: relay?.port ?? router.port,
    hosts,
    backends,
    pool,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
