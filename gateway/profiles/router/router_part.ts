/** The model router of a gateway, and the mock model servers behind it. */
import { readTextFile } from "../../../service/mod.ts";
import { discoverHosts, type HostSource, parseHosts, startRouter } from "../../../router/mod.ts";
import type { Log } from "../../../service/mod.ts";
import type { Upstream } from "../../../upstream/mod.ts";
import { chatFields, type Place, startBackendPool, suggestionsFor } from "../../mod.ts";
import type { RouterPart, RouterPartOptions } from "./profile.ts";

/** Enough to see a spread, and that one can be left out. */
const MOCK_BACKENDS = 3;

const LOOPBACK = "127.0.0.1";

/**
 * Starts mock backends unless hosts are given, then the router.
 *
 * @throws {UsageError} for routes or scenarios that cannot be used
 */
export async function startRouterPart(
  options: RouterPartOptions,
  place: Place,
): Promise<RouterPart> {
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
  const ca = caFile === undefined ? undefined : await readTextFile(caFile);
  const source = options.source ??
    stack.use(await discover(options, { backends, ca, log: place.log }));
  const router = stack.use(
    await startRouter({
      host: LOOPBACK,
      port: place.ports.router ?? 0,
      hosts: source,
      peerSecret: options.relay === undefined ? place.peerSecret : undefined,
      log: place.log,
      ...(options.routesFile === undefined ? {} : { routesFile: options.routesFile }),
      ...(options.endpointFile === undefined ? {} : { endpointFile: options.endpointFile }),
      ...(options.lingerMs === undefined ? {} : { lingerMs: options.lingerMs }),
      ...(options.logic === undefined ? {} : { logic: options.logic }),
      ...(options.sessionHeader === undefined ? {} : { sessionHeader: options.sessionHeader }),
      ...(options.modelHeader === undefined ? {} : { modelHeader: options.modelHeader }),
      ...(options.maxBodyBytes === undefined ? {} : { maxBodyBytes: options.maxBodyBytes }),
      health: { ...(ca === undefined ? {} : { ca }), ...options.health },
    }),
  );
  const relay = options.relay && stack.use(
    await options.relay(router, source.hosts.map(({ endpoint }) => endpoint)),
  );
  const owned = stack.move();
  return {
    router,
    ports: { router: relay?.port ?? router.port },
    get hosts() {
      return source.hosts;
    },
    get upstreamUrl() {
      return source.hosts
        .map(({ endpoint, tls }) => `http${tls ? "s" : ""}://${endpoint}`).join(",");
    },
    mocks: backends,
    upstream: pool,
    metrics: [() => router.metrics()],
    services: { router: router.address },
    welcome: () => [
      { label: "router", text: `${router.address}  ${router.routes.models.join(", ")}` },
      ...source.hosts.map(({ endpoint }, index) => ({
        label: "backend",
        text: endpoint,
        foreign: backends[index] === undefined,
      })),
    ],
    suggestions: (ingress) =>
      suggestionsFor(ingress, "/v1/chat/completions", chatFields(router.routes.models[0])),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function discover(
  options: RouterPartOptions,
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
