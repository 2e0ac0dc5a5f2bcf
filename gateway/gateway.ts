import {
  type AccessLogEntry,
  bundledConfig,
  describeExit,
  type EnvoyConfigFile,
  type RunningEnvoy,
  startEnvoy,
  type TlsFiles,
} from "../envoy/mod.ts";
import type { Policy } from "../policy/mod.ts";
import type { Responses } from "../responses/mod.ts";
import { assertPortFree, type Log, silent, UnavailableError, UsageError } from "../service/mod.ts";
import type { Upstream } from "../upstream/mod.ts";
import type { AnsweringOptions } from "./answering.ts";
import { type ControlServer, startControl } from "./control.ts";
import { gatewayOverlay, type PartNames } from "./envoy_overlay.ts";
import { hasMock, hasResponses, hasRouter, type Parts, partsOf } from "./parts.ts";
import { type ProfileName, profileOf } from "./profile.ts";
import { RequestFeed, type RequestRecord } from "./requests.ts";
import type { Routing, RoutingOptions } from "./routing.ts";
import { makeRunDirectory, type RunDirectory } from "./run_directory.ts";
import { startTogether } from "./start_together.ts";
import { parseUpstreamUrl } from "./upstream_url.ts";
import { warmUp } from "./warm_up.ts";

/** Ports of a gateway; 0 picks a free one. */
export interface GatewayPorts {
  readonly ingress: number;
  readonly admin: number;
  readonly policy: number;
  readonly upstream: number;
  readonly control: number;
  readonly router: number;
  /** HTTP server of the Responses gateway. */
  readonly responses: number;
  /** Processor of the Responses gateway. */
  readonly extproc: number;
}

/** Every port picked by the system: for checks and tests. */
export const FREE_PORTS: GatewayPorts = {
  ingress: 0,
  admin: 0,
  policy: 0,
  upstream: 0,
  control: 0,
  router: 0,
  responses: 0,
  extproc: 0,
};

/** What a gateway is made of. Whatever is left out is the bundled part. */
export interface GatewayOptions {
  readonly profile?: ProfileName;
  /** Interface of the ingress; 127.0.0.1 when left out. Everything else stays on loopback. */
  readonly host?: string;
  readonly ports: GatewayPorts;
  /** Path of the Envoy executable. */
  readonly envoyPath: string;
  /** A configuration in place of the profile's. */
  readonly config?: EnvoyConfigFile;
  /** What that configuration calls its parts; the profile's names when left out. */
  readonly names?: PartNames;
  /** A foreign ext_authz engine in place of the stub. */
  readonly policy?: { readonly host: string; readonly port: number; readonly tls?: TlsFiles };
  /** Rules of the stub; the bundled ones when left out. */
  readonly rulesFile?: string;
  /** URL of a foreign upstream in place of the mock. */
  readonly upstream?: { readonly url: string; readonly caFile?: string };
  /** Backends and routes, in a profile with a model router. */
  readonly routing?: RoutingOptions;
  /** The Responses gateway and its model server, in the profile that has one. */
  readonly answering?: AnsweringOptions;
  /** The provider's key, that the stub sets in place of the client's credential. */
  readonly providerKey?: string;
  /** Folder of the mock's scenario files. */
  readonly scenarios?: string;
  /**
   * For the suite only: lets the stub obey scripts for nonces signed with it, and runs it on a thread of its own, where
   * it answers in time however busy the suite is.
   */
  readonly scriptSecret?: string;
  /** Entries that each journal keeps; the suite needs more than a person. 1,000 when left out. */
  readonly journalLimit?: number;
  /** The folder of the run, kept; a fresh one in `runParents` when left out. */
  readonly runDir?: string;
  readonly runParents: readonly string[];
  /** Called for each finished request, the gateway's own warm-up left out. */
  readonly onRequest?: (record: RequestRecord) => void;
  readonly concurrency?: number;
  /** Milliseconds that running streams get at the end; 5,000 when left out. */
  readonly graceMs?: number;
  readonly log?: Log;
  readonly signal?: AbortSignal;
  /** Ends the grace at once when it aborts. */
  readonly forced?: AbortSignal;
}

/** A running gateway. Disposing it stops Envoy first, and removes the run directory. */
export interface Gateway extends AsyncDisposable {
  readonly profile: ProfileName;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly envoy: RunningEnvoy;
  /** The stub, unless a foreign engine stands in. */
  readonly policy: Policy | undefined;
  readonly policyAddress: string;
  /** The mock, unless a foreign upstream stands in. */
  readonly upstream: Upstream | undefined;
  /** URL of the upstream; of every backend, joined by commas, where a router chooses. */
  readonly upstreamUrl: string;
  /** The model router with its backends, in a profile that has one. */
  readonly routing: Routing | undefined;
  /** The Responses gateway, in the profile that has one. */
  readonly responses: Responses | undefined;
  readonly control: ControlServer;
  readonly runDir: string;
  /** Resolves with the reason when a part ended that should run. */
  readonly failed: Promise<UnavailableError>;
  /** Hears every finished request from now on. */
  onRequest(listener: (record: RequestRecord) => void): Disposable;
  /** Every finished request as Envoy logged it, from now on. */
  onLogged(listener: (entry: AccessLogEntry) => void): Disposable;
  /** Leaves the run directory on disk. */
  keepRunDir(): void;
}

const LOOPBACK = "127.0.0.1";

/** Flags that move a port, for the error that says it is taken. */
const PORT_FLAGS: Readonly<Record<keyof GatewayPorts, { what: string; flag: string }>> = {
  ingress: { what: "the ingress", flag: "--port" },
  admin: { what: "Envoy's admin interface", flag: "--admin-port" },
  policy: { what: "the policy stub", flag: "--policy-port" },
  upstream: { what: "the mock upstream", flag: "--upstream-port" },
  control: { what: "the control listener", flag: "--control-port" },
  router: { what: "the model router", flag: "--router-port" },
  responses: { what: "the Responses gateway's HTTP server", flag: "http.port" },
  extproc: { what: "the Responses gateway's processor", flag: "extproc.port" },
};

/**
 * Starts policy, upstream and Envoy side by side and resolves when Envoy is live and policy has
 * answered it once. On failure everything that did start is stopped, and the run directory kept.
 *
 * @throws {UnavailableError} when a port is taken, or a part does not become ready
 * @throws {UsageError} when rules, scenarios or the upstream's URL cannot be used
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  if (options.upstream) parseUpstreamUrl(options.upstream.url);
  if (options.upstream && hasResponses(options)) {
    throw new UsageError(
      'Cannot use an upstream with the profile "responses": name its model server by --model-endpoint',
    );
  }
  await assertPortsFree(options);
  const directory = await makeRunDirectory({ given: options.runDir, parents: options.runParents });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => directory.close());
  try {
    return await assemble(options, { directory, stack });
  } catch (error) {
    // Who interrupts a start has nothing to look into.
    if (!options.signal?.aborted) directory.keep();
    throw error;
  }
}

async function assertPortsFree(options: GatewayOptions): Promise<void> {
  const used = { ...options.ports };
  if (options.policy) used.policy = 0;
  if (!hasMock(options)) used.upstream = 0;
  if (!hasRouter(options)) used.router = 0;
  if (!hasResponses(options)) used.responses = used.extproc = 0;
  for (const [name, { what, flag }] of Object.entries(PORT_FLAGS)) {
    const key = name as keyof GatewayPorts;
    const host = key === "ingress" ? options.host ?? LOOPBACK : LOOPBACK;
    await assertPortFree({ host, port: used[key], what, remedy: `use ${flag} 0 for a free one` });
  }
}

interface Assembly {
  readonly directory: RunDirectory;
  readonly stack: AsyncDisposableStack;
}

async function assemble(options: GatewayOptions, assembly: Assembly): Promise<Gateway> {
  const { directory, stack } = assembly;
  const profile = profileOf(options.profile);
  const feed = stack.use(new RequestFeed());
  if (options.onRequest) feed.onRequest(options.onRequest);
  const parts = partsOf(options, directory.path);
  // Called first: where the ports are known, Envoy's process runs before the rooms of the parts are loaded.
  const envoyStart = startOwnEnvoy(options, { ...assembly, parts, feed });
  const controlStart = (async () => {
    const [policy, upstream, routing, responses] = await Promise.all([
      parts.policy(),
      parts.upstream(),
      parts.routing(),
      parts.responses(),
    ]);
    const { control: port } = options.ports;
    const { router, pool } = routing ?? {};
    return await startControl({ host: LOOPBACK, port, policy, upstream, router, pool, responses });
  })();
  // Envoy comes last, so that it is stopped first: streams end before what serves them does.
  const [policy, upstream, routing, responses, control, envoy] = await startTogether(stack, [
    parts.policy(),
    parts.upstream(),
    parts.routing(),
    parts.responses(),
    controlStart,
    envoyStart,
  ]);
  feed.join({ policy, upstreams: upstream ? [upstream] : routing?.backends ?? [] });
  const listener = options.names?.listener ?? profile.listener;
  const ingress = envoy.listeners.get(listener);
  if (ingress === undefined) {
    throw new UnavailableError(
      `Cannot find the listener "${listener}" of the running Envoy: it has ${
        [...envoy.listeners.keys()].join(", ")
      }`,
    );
  }
  const scheme = servesTls(envoy.launched.bootstrap) ? "https" : "http";
  const url = `${scheme}://${reachable(ingress.host)}:${ingress.port}`;
  await warmUp({
    url,
    feed,
    foreignPolicy: options.policy !== undefined,
    log: options.log ?? silent,
  });
  const owned = stack.move();
  let closing: Promise<void> | undefined;
  const failed = watchEnvoy(envoy, () => closing !== undefined, directory);
  return {
    profile: profile.name,
    url,
    envoy,
    policy,
    policyAddress: policy?.address ?? `${options.policy?.host}:${options.policy?.port}`,
    upstream,
    upstreamUrl: responses?.modelEndpoint ?? upstream?.url ?? options.upstream?.url ??
      (routing?.hosts ?? []).map(({ endpoint, tls }) => `http${tls ? "s" : ""}://${endpoint}`).join(
        ",",
      ),
    routing,
    responses,
    control,
    runDir: directory.path,
    failed,
    onRequest: (listener) => feed.onRequest(listener),
    onLogged: (listener) => feed.onLogged(listener),
    keepRunDir: () => directory.keep(),
    [Symbol.asyncDispose]: () =>
      closing ??= (async () => {
        if (directory.kept) await envoy.saveEvidence().catch(() => {});
        await envoy.stop(options.forced ? { signal: options.forced } : {});
        await owned.disposeAsync();
      })(),
  };
}

interface EnvoyStart extends Assembly {
  readonly feed: RequestFeed;
  readonly parts: Parts;
}

/** Starts Envoy as soon as the addresses of its clusters are known: with the call itself, unless a port is 0. */
async function startOwnEnvoy(options: GatewayOptions, start: EnvoyStart): Promise<RunningEnvoy> {
  const { ports } = options;
  const profile = profileOf(options.profile);
  const { parts } = start;
  const routing = hasRouter(options) ? await parts.routing() : undefined;
  const policyPort = ports.policy || (await parts.policy())?.port;
  const responses = !hasResponses(options) || ports.responses && ports.extproc
    ? undefined
    : await parts.responses();
  const upstreamPort = hasResponses(options)
    ? ports.responses || responses?.http.port
    : ports.upstream || (await parts.upstream())?.port;
  const config = options.config ?? bundledConfig(profile.name);
  const addresses = {
    ...ports,
    policy: policyPort ?? 0,
    upstream: upstreamPort ?? 0,
    router: routing?.port ?? 0,
    extproc: ports.extproc || (responses?.extproc.port ?? 0),
  };
  const overlay = gatewayOverlay({
    ...options,
    ports: addresses,
    ...(options.routing?.endpointFile === undefined
      ? {}
      : { endpointFile: options.routing.endpointFile }),
    ...(options.routing?.caFile === undefined ? {} : { backendCaFile: options.routing.caFile }),
  });
  return await startEnvoy({
    path: options.envoyPath,
    config,
    overlay,
    runDir: start.directory.path,
    onRequest: (entry) => start.feed.log(entry),
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

async function watchEnvoy(
  envoy: RunningEnvoy,
  isClosing: () => boolean,
  directory: RunDirectory,
): Promise<UnavailableError> {
  const status = await envoy.exited;
  // Our own stop is no failure: this promise then never resolves.
  if (isClosing()) return await new Promise<never>(() => {});
  directory.keep();
  return new UnavailableError(
    `Envoy ended by itself: ${describeExit(status)}\n${await envoy.lastLog()}\n` +
      `Everything it wrote is in ${directory.path}`,
  );
}

/** Does the first listener speak TLS? Only a check-only configuration does. */
function servesTls(bootstrap: RunningEnvoy["launched"]["bootstrap"]): boolean {
  const { listeners } = bootstrap.static_resources as {
    listeners?: { filter_chains?: { transport_socket?: unknown }[] }[];
  };
  return listeners?.[0]?.filter_chains?.[0]?.transport_socket !== undefined;
}

/** A wildcard address is none that a client can dial. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return LOOPBACK;
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}
