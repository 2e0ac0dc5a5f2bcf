/** Gateways on the check-only configurations, beside the one that is judged. */
import { NotJudged, type Target } from "../conformance/mod.ts";
import {
  bundledConfig,
  CHECK_CONFIGS,
  CHECK_JWT,
  CHECK_JWT_KEY,
  CHECK_OLDEST_ENVOY,
  checkTlsCertificate,
  compareVersions,
  type EnvoyConfigFile,
  parseEnvoyConfig,
  versionOf,
} from "../envoy/mod.ts";
import { startProcessorThread, startSessionThread } from "../instruments/mod.ts";
import extensions from "../envoy/configs/check/extensions.yaml" with { type: "text" };
import { startOwnTarget } from "./own_target.ts";

/** Where the check-only gateways run. */
export interface VariantOptions {
  readonly envoyPath: string;
  readonly runParents: readonly string[];
  readonly signal?: AbortSignal;
}

/** Tokens in a bucket of `check/rate_limit.yaml`, and the header that picks the bucket. */
const RATE_LIMIT = { header: "x-rate-key", burst: 3 };

/** The listener of `check/tls.yaml` that serves HTTP/3. */
const QUIC_LISTENER = "ingress_h3";

/** The listeners of `check/protocols.yaml` behind a load balancer. */
const PROXIED = { http: "ingress_proxied", tcp: "tcp" };

/** The configuration with extensions, which no start of a gateway reads: the suite alone asks for it. */
const EXTENSIONS = "extensions";

/** The routes of `check/extensions.yaml` whose script, or whose Wasm filter, fails. */
const BROKEN_PATHS = {
  lua: "/v1/broken/lua/chat/completions",
  wasm: "/v1/broken/wasm/chat/completions",
};

/** Facts about each variant for the suite, beside the base profile's expectations. */
const EXTRAS: Readonly<Record<string, Partial<Target>>> = {
  jwt: { jwt: { key: CHECK_JWT_KEY, ...CHECK_JWT } },
  rate_limit: { rateLimit: RATE_LIMIT },
  tls: { ca: checkTlsCertificate() },
};

/**
 * Returns how to start a copy of the gateway on each check-only configuration, by the feature that
 * it opens, so that the suite's opt-in groups are measured on a real Envoy too.
 */
export function checkVariants(options: VariantOptions): NonNullable<Target["variants"]> {
  return Object.fromEntries(
    [...Object.keys(CHECK_CONFIGS), EXTENSIONS].map((feature) => [
      feature,
      () => startCheckVariant(feature, options),
    ]),
  );
}

/**
 * Starts a gateway on the check-only configuration of a feature.
 *
 * @throws {UsageError} for a feature without one
 * @throws {NotJudged} when this Envoy is too old for it
 */
export async function startCheckVariant(
  feature: string,
  { edit, ...options }: VariantOptions & {
    /** Changes the parsed configuration in place before it is launched. */
    // deno-lint-ignore no-explicit-any -- a bundled file, edited at known places
    readonly edit?: (bootstrap: any) => void;
  },
): Promise<Target & AsyncDisposable> {
  await assertHasFilters(CHECK_CONFIGS[feature] ?? feature, options.envoyPath);
  await using stack = new AsyncDisposableStack();
  const file = onOneWorker(await configOf(feature));
  const bundled = edited(file, edit);
  const processor = feature === "ext_proc" ? stack.use(await startProcessorThread()) : undefined;
  const sessions = feature === EXTENSIONS ? stack.use(await startSessionThread()) : undefined;
  const peer = processor
    ? { name: "ext_proc", port: processor.port }
    : sessions && { name: "context", port: sessions.port };
  const target = stack.use(
    await startOwnTarget({
      ...options,
      name: `check-only configuration ${feature}`,
      config: peer ? withPeer(bundled, peer) : bundled,
      concurrency: 1,
    }),
  );
  const quic = target.gateway.envoy.listeners.get(QUIC_LISTENER);
  const proxied = target.gateway.envoy.listeners.get(PROXIED.http);
  const tcp = target.gateway.envoy.listeners.get(PROXIED.tcp);
  const owned = stack.move();
  return Object.assign(target, {
    features: [feature],
    ...(proxied && tcp && { proxied: { http: urlOf(proxied), tcp: urlOf(tcp) } }),
    ...(quic && {
      quicUrl: `https://${quic.host}:${quic.port}`,
      protocols: [...target.protocols, "h3" as const],
    }),
    ...EXTRAS[feature],
    ...(processor && { processor }),
    ...(sessions && {
      sessions: { answer: sessions.answer, asked: sessions.asked, broken: BROKEN_PATHS },
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

function urlOf({ host, port }: { host: string; port: number }): string {
  return `http://${host}:${port}`;
}

/** The configuration of a feature, as it stands in its file. */
async function configOf(feature: string): Promise<EnvoyConfigFile> {
  if (feature !== EXTENSIONS) return bundledConfig(CHECK_CONFIGS[feature] ?? feature);
  return await parseEnvoyConfig(extensions, "envoy/configs/check/extensions.yaml");
}

/** The configuration with the address of a part that the gateway's options do not name. */
function withPeer(
  file: EnvoyConfigFile,
  { name, port }: { name: string; port: number },
): EnvoyConfigFile {
  return edited(file, ({ static_resources: { clusters } }) => {
    const cluster = clusters.find((one: { name: string }) => one.name === name);
    const { endpoint } = cluster.load_assignment.endpoints[0].lb_endpoints[0];
    endpoint.address.socket_address.port_value = port;
  });
}

/**
 * UDP on one worker needs no port that is shared between sockets (Envoy asks for one beyond that), and
 * port 0 must be nobody else's: of shared ports the kernel hands out one that another Envoy has.
 */
function onOneWorker(file: EnvoyConfigFile): EnvoyConfigFile {
  return edited(file, ({ static_resources: { listeners } }) => {
    for (const one of listeners) if (one.udp_listener_config) one.enable_reuse_port = false;
  });
}

function edited(
  file: EnvoyConfigFile,
  // deno-lint-ignore no-explicit-any -- a bundled file, edited at known places
  edit: ((bootstrap: any) => void) | undefined,
): EnvoyConfigFile {
  const bootstrap = structuredClone(file.bootstrap);
  edit?.(bootstrap);
  return { ...file, bootstrap };
}

/**
 * Checks that an Envoy has the filters of a bundled configuration.
 *
 * @throws {NotJudged} when it is too old
 */
export async function assertHasFilters(config: string, envoyPath: string): Promise<void> {
  const oldest = CHECK_OLDEST_ENVOY[config];
  const version = oldest === undefined ? undefined : await versionOf(envoyPath);
  if (oldest === undefined || version === undefined || compareVersions(version, oldest) >= 0) {
    return;
  }
  throw new NotJudged("unsupported", `Envoy ${version} has no filter for it: ${oldest} has`);
}
