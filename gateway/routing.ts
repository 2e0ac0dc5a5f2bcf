import {
  type BackendHost,
  parseHosts,
  type Router,
  type RoutingLogic,
  startRouter,
} from "../router/mod.ts";
import type { Log } from "../service/mod.ts";
import { startUpstream, type Upstream } from "../upstream/mod.ts";
import { startTogether } from "./together.ts";

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
  /** Header by which a client may name the model; none when left out. */
  readonly modelHeader?: string;
}

/** A running router with its backends. */
export interface Routing extends AsyncDisposable {
  readonly router: Router;
  readonly hosts: readonly BackendHost[];
  /** The mock backends; none when others stand in. */
  readonly backends: readonly Upstream[];
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
  const backends = options.hosts ? [] : await startTogether(
    stack,
    Array.from({ length: MOCK_BACKENDS }, () =>
      startUpstream({
        host: LOOPBACK,
        port: 0,
        journalLimit: place.journalLimit,
        log: place.log,
        ...(place.scenarios === undefined ? {} : { scenarios: place.scenarios }),
      })),
  );
  const hosts = options.hosts ??
    parseHosts(backends.map(({ host, port }) => `${host}:${port}`).join(","));
  const router = stack.use(
    await startRouter({
      host: LOOPBACK,
      port: place.port,
      hosts,
      log: place.log,
      ...(options.routesFile === undefined ? {} : { routesFile: options.routesFile }),
      ...(options.logic === undefined ? {} : { routing: options.logic }),
      ...(options.sessionHeader === undefined ? {} : { sessionHeader: options.sessionHeader }),
      ...(options.modelHeader === undefined ? {} : { modelHeader: options.modelHeader }),
    }),
  );
  const owned = stack.move();
  return { router, hosts, backends, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
