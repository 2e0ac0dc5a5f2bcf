/** Assembles a gateway: policy, the parts of its profile, and Envoy, on one disposable stack. */
import {
  type AccessLogEntry,
  compareVersions,
  type ConfigChange,
  describeExit,
  type EnvoyConfigFile,
  type RunningEnvoy,
  startEnvoy,
  startRestartableEnvoy,
  versionOf,
} from "../envoy/mod.ts";
import type { Policy } from "../policy/mod.ts";
import {
  assertPortFree,
  makePeerSecret,
  openFilesLimit,
  PEER_SECRET_ENV,
  type RequestRecord,
  silent,
  UnavailableError,
  urlHost,
  UsageError,
} from "../service/mod.ts";
import { type ConsolePart, consolePart } from "./console_part.ts";
import { type ControlServer, startControl } from "./control.ts";
import { LiveChanges, RESTART_PATH } from "./live_changes.ts";
import { GATEWAY_PORTS, type GatewayOptions } from "./options.ts";
import { fewFiles, streamsWithin } from "./open_files.ts";
import { gatewayOverlay } from "./overlay.ts";
import type { Part, Ports, Profile } from "./profile.ts";
import { RequestFeed } from "./requests.ts";
import { makeRunDirectory, type RunDirectory } from "./run_directory.ts";
import { type SinglePart, singleUpstream } from "./single_upstream.ts";
import { JOURNAL_LIMIT, startStub } from "./start_policy.ts";
import { startTogether } from "./start_together.ts";
import { warmUp } from "./warm_up.ts";

/** A running gateway. Disposing it stops Envoy first, and removes the run directory. */
export interface Gateway<P extends Part = Part> extends AsyncDisposable {
  /** Name of the profile. */
  readonly profile: string;
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  /** `https://localhost:8443`, where the profile serves TLS beside it. */
  readonly tlsUrl: string | undefined;
  readonly envoy: RunningEnvoy;
  /** The stub, unless a foreign engine stands in. */
  readonly policy: Policy | undefined;
  readonly policyAddress: string;
  /** The running parts of the profile. */
  readonly part: P;
  readonly control: ControlServer;
  readonly runDir: string;
  /** Resolves with the reason when a part ended that should run. */
  readonly failed: Promise<UnavailableError>;
  /** Hears every finished request from now on. */
  onRequest(listener: (record: RequestRecord) => void): Disposable;
  /** Every finished request as Envoy logged it, from now on. */
  onLogged(listener: (entry: AccessLogEntry) => void): Disposable;
  /**
   * Puts another file in the place of `ownConfig`, while requests run; for a gateway that was started `live`.
   *
   * @throws {UsageError} with the reason when it is refused; what was in force stays
   */
  changeConfig(own: EnvoyConfigFile): Promise<ConfigChange>;
  /**
   * Replaces Envoy by another one on the same ports, with what only a new listener can have: the file of the last
   * change that needed it, or the one in force. Streams of the old one run to their end.
   *
   * @throws {UnavailableError} when the new one does not start; the old one goes on
   */
  restartEnvoy(): Promise<void>;
  /** Leaves the run directory on disk. */
  keepRunDir(): void;
}

const LOOPBACK = "127.0.0.1";

const LOG_LOST =
  "envoy: its access log could not be written (is the disk full?): requests go on, but no line says so here, in the console and in the call log";

/**
 * Starts policy, the parts of the profile and Envoy side by side and resolves when Envoy is live and policy has
 * answered it once. On failure everything that did start is stopped, and the run directory kept, unless the start
 * was interrupted.
 *
 * @throws {UnavailableError} when a port is taken, or a part does not become ready
 * @throws {UsageError} when rules, scenarios or the upstream's URL cannot be used
 */
export async function startGateway<P extends Part>(
  options: GatewayOptions<P> & { readonly profile: Profile<P> },
): Promise<Gateway<P>>;
export async function startGateway(options: GatewayOptions): Promise<Gateway<SinglePart>>;
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const profile = options.profile ?? singleUpstream();
  const few = fewFiles(profile);
  if (few !== undefined) options.log?.(few);
  await assertPortsFree(options, profile);
  const directory = await makeRunDirectory({ given: options.runDir, parents: options.runParents });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => directory.close());
  try {
    return await assemble(options, { profile, directory, stack });
  } catch (error) {
    // An interrupted start leaves nothing worth inspecting.
    if (!options.signal?.aborted) directory.keep();
    throw error;
  }
}

async function assertPortsFree(options: GatewayOptions, profile: Profile): Promise<void> {
  const taken = new Map<number, string>();
  for (const { name, what, flag } of [...GATEWAY_PORTS, ...profile.ports]) {
    if (name === "policy" && options.policy !== undefined) continue;
    const host = name === "ingress" ? options.host ?? LOOPBACK : LOOPBACK;
    const port = options.ports[name] ?? 0;
    const other = port === 0 ? undefined : taken.get(port);
    if (other !== undefined) {
      throw new UsageError(
        `Cannot use port ${port} twice: it is the value of ${other} and ${flag}`,
      );
    }
    taken.set(port, flag);
    await assertPortFree({ host, port, what, remedy: `use ${flag} 0 for a free one` });
  }
}

interface Assembly {
  readonly profile: Profile;
  readonly directory: RunDirectory;
  readonly stack: AsyncDisposableStack;
}

async function assemble(options: GatewayOptions, assembly: Assembly): Promise<Gateway> {
  const { profile, directory, stack } = assembly;
  const feed = stack.use(new RequestFeed());
  if (options.onRequest) feed.onRequest(options.onRequest);
  const { peerSecret = makePeerSecret() } = options;
  const parts: Parts = {
    policy: once(() => startStub(options)),
    own: once(() =>
      profile.start({
        ports: options.ports,
        runDir: directory.path,
        scenarios: options.scenarios,
        journalLimit: options.journalLimit ?? JOURNAL_LIMIT,
        peerSecret: provesItself(options.config) ? peerSecret : undefined,
        log: options.log ?? silent,
      })
    ),
  };
  const changes = new LiveChanges(profile, options.ownConfig);
  let page: ConsolePart | undefined;
  // No page before Envoy runs; it has nothing to tell then.
  let metricsOfEnvoy = () => Promise.resolve("");
  const control = once(async () => {
    const [policy, part] = await Promise.all([parts.policy(), parts.own()]);
    const shown = { profile: profile.name, policy, part, feed };
    const console = stack.use(consolePart(shown, options.console));
    page = console;
    return await startControl({
      host: LOOPBACK,
      port: options.ports.control ?? 0,
      policy,
      upstream: part.upstream,
      backends: part.mocks,
      metrics: [...part.metrics, () => metricsOfEnvoy()],
      paths: {
        ...part.control,
        ...(options.live && { [RESTART_PATH]: (request: Request) => changes.answer(request) }),
      },
      console: () => console.open(),
    });
  });
  // Called first: where the ports are known, Envoy's process runs before the rooms of the parts are loaded.
  const envoyStart = startOwnEnvoy(options, {
    ...assembly,
    parts: { ...parts, control },
    feed,
    env: { [PEER_SECRET_ENV]: peerSecret },
  });
  // Envoy comes last, so that it is stopped first: streams end before what serves them does.
  const [policy, part, controlServer, envoy] = await startTogether(stack, [
    parts.policy(),
    parts.own(),
    control(),
    envoyStart,
  ]);
  feed.join({ policy, upstreams: part.mocks });
  if (part.onRequest) feed.onRequest((record) => part.onRequest?.(record));
  const url = ingressUrl(envoy, options.names?.listener ?? profile.listener);
  if (!options.isCold) {
    await warmUp({
      url,
      feed,
      foreignPolicy: options.policy !== undefined,
      log: options.log ?? silent,
    });
  }
  page?.attach(envoy, url);
  changes.attach(envoy);
  const { envoyMetrics } = profile;
  if (envoyMetrics !== undefined) {
    metricsOfEnvoy = () => envoy.admin.prometheus(envoyMetrics).catch(() => "");
  }
  const owned = stack.move();
  let closing: Promise<void> | undefined;
  const failed = watchEnvoy(envoy, () => closing !== undefined, directory);
  return {
    profile: profile.name,
    url,
    tlsUrl: profile.tlsListener && tlsUrl(envoy, profile.tlsListener),
    envoy,
    policy,
    policyAddress: policy?.address ?? `${options.policy?.host}:${options.policy?.port}`,
    part,
    control: controlServer,
    runDir: directory.path,
    failed,
    onRequest: (listener) => feed.onRequest(listener),
    onLogged: (listener) => feed.onLogged(listener),
    changeConfig: (own) => changes.change(own),
    restartEnvoy: () => changes.restart(),
    keepRunDir: () => directory.keep(),
    [Symbol.asyncDispose]: () =>
      closing ??= (async () => {
        if (directory.kept) await envoy.saveEvidence().catch(() => {});
        await envoy.stop(options.forced ? { signal: options.forced } : {});
        await owned.disposeAsync();
      })(),
  };
}

/** Whether an Envoy with this configuration, or the profile's own, says its secret to the parts. */
function provesItself(config: EnvoyConfigFile | undefined): boolean {
  return config === undefined || config.text.includes(PEER_SECRET_ENV);
}

/** The parts that run beside Envoy; each is started by its first call. */
interface Parts {
  policy(): Promise<Policy | undefined>;
  own(): Promise<Part>;
}

function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => started ??= start();
}

interface EnvoyStart extends Assembly {
  readonly feed: RequestFeed;
  readonly parts: Parts & { control(): Promise<ControlServer> };
  readonly env: Readonly<Record<string, string>>;
}

/** Starts Envoy as soon as the addresses of its clusters are known: with the call itself, unless a port is 0. */
async function startOwnEnvoy(options: GatewayOptions, start: EnvoyStart): Promise<RunningEnvoy> {
  const { profile, parts } = start;
  const isKnown = !profile.movesPorts && profile.ports.every(({ name }) => options.ports[name]);
  await Promise.all([assertNewEnough(options, profile), profile.prepare?.()]);
  const control: Ports = profile.asksControl && !options.ports.control
    ? { control: (await parts.control()).port }
    : {};
  const ports: Ports = {
    ...options.ports,
    ...control,
    ...(isKnown ? {} : (await parts.own()).ports),
    policy: options.ports.policy || ((await parts.policy())?.port ?? 0),
  };
  const run = options.live ? startRestartableEnvoy : startEnvoy;
  return await run({
    path: options.envoyPath,
    config: options.config ?? profile.config(options.ownConfig),
    live: options.live ?? false,
    overlay: {
      ...gatewayOverlay({ ...options, profile, ports }),
      maxConnections: streamsWithin(profile, openFilesLimit()),
    },
    runDir: start.directory.path,
    env: { ...start.env, ...profile.environment?.() },
    onRequest: (entry) => start.feed.log(entry),
    onLogLost: () => options.log?.(LOG_LOST),
    ...(options.concurrency === undefined ? {} : { concurrency: options.concurrency }),
    ...(options.graceMs === undefined ? {} : { graceMs: options.graceMs }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
}

/** An older Envoy would only say which field it does not know. */
async function assertNewEnough({ envoyPath }: GatewayOptions, profile: Profile): Promise<void> {
  const { oldestEnvoy: oldest } = profile;
  if (oldest === undefined) return;
  const version = await versionOf(envoyPath);
  if (version === undefined || compareVersions(version, oldest) >= 0) return;
  throw new UsageError(
    `Cannot run the profile "${profile.name}" on Envoy ${version}: it needs ${oldest} or newer: use --envoy-version ${oldest}`,
  );
}

function tlsUrl(envoy: RunningEnvoy, listener: string): string {
  const { host = LOOPBACK, port } = envoy.listeners.get(listener) ?? {};
  // A certificate is made out to names.
  const name = reachable(host);
  return `https://${name === LOOPBACK ? "localhost" : name}:${port}`;
}

function ingressUrl(envoy: RunningEnvoy, listener: string): string {
  const ingress = envoy.listeners.get(listener);
  if (ingress === undefined) {
    throw new UnavailableError(
      `Cannot find the listener "${listener}" of the running Envoy: it has ${
        [...envoy.listeners.keys()].join(", ")
      }`,
    );
  }
  const scheme = servesTls(envoy.launched.bootstrap) ? "https" : "http";
  return `${scheme}://${reachable(ingress.host)}:${ingress.port}`;
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
  return urlHost(host);
}
