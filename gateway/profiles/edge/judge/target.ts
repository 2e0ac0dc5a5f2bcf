/** A gateway of the profile `edge` that runs to be judged, and its copies for the groups that need one. */
import { openIssuer, prepareTlsFolder } from "../../../../certs/mod.ts";
import type { Target } from "../../../../conformance/mod.ts";
import type { EnvoyConfigFile } from "../../../../envoy/mod.ts";
import {
  BASE_EXPECTATIONS,
  type OwnGatewayOptions,
  type OwnTarget,
  startOwnTarget,
} from "../../../../targets/mod.ts";
import {
  certificatesFeature,
  limitsFeature,
  QUOTA,
  SMALL_LIMITS,
  watchedKeys,
} from "./features.ts";
import { type AddOn, withAddOns } from "../../../mod.ts";
import { startTlsUpstream } from "./tls_upstream.ts";
import { type EdgePart, type EdgePartOptions, edgeProfile } from "../profile.ts";

/** Ways to make changes wrongly: Envoy is stopped for each, none is made, or what Envoy refuses is hushed up. */
export type ChangeDefect = "by stopping" | "never" | "hushed up";

/** Options of {@linkcode startEdgeTarget}. */
export interface EdgeTargetOptions extends Omit<OwnGatewayOptions, "profile"> {
  readonly edge?: Partial<EdgePartOptions>;
  /** Purpose of this copy, as features of the catalogue. */
  readonly features?: readonly string[];
  readonly clients?: "required" | "optional";
  /** Changes the parsed configuration in place before it is launched. */
  // deno-lint-ignore no-explicit-any -- the bundled file, edited at known places
  readonly edit?: (bootstrap: any, tls: string) => void;
  /** Parts beside those of the profile. */
  readonly addOns?: readonly AddOn[];
  /** A defect of the way in which changes are made, for the copy that is changed. */
  readonly changes?: ChangeDefect | undefined;
  /** The issuer is asked for its keys every second, so that a rotation is soon over. */
  readonly quick?: boolean;
}

/** Limits that are in no case's way. */
const WIDE = `{ version: 1, limits: [{ match: { tenant: "*" },
  requests: { per: month, max: 100000000 }, tokens: { per: month, max: 100000000 } }] }`;

/** Deno before 2.9 asks no client for a certificate. */
const [MAJOR = 0, MINOR = 0] = Deno.version.deno.split(".").map(Number);
const ASKS_CLIENTS = MAJOR > 2 || MAJOR === 2 && MINOR >= 9;

/**
 * Starts the profile on free ports, with certificates and an issuer of its own, and describes it to
 * the suite. Disposing the target stops the gateway.
 *
 * @throws {UnavailableError} when a part does not start
 */
export async function startEdgeTarget(
  options: EdgeTargetOptions,
): Promise<OwnTarget<EdgePart> & { readonly launchedFrom: EnvoyConfigFile }> {
  const { edge, features = ["tokens", "certificates"], clients = "optional", ...others } = options;
  const { edit, quick = false, changes: _, addOns = [], ...rest } = others;
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "llmgate-edge-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const tls = edge?.tlsFolder ?? `${folder}/tls`;
  await prepareTlsFolder(`${tls}/other`);
  const { ca } = await prepareTlsFolder(tls, { clients });
  const issuer = await openIssuer(`${folder}/issuer.json`);
  // A case that ran out of time leaves its waits behind: none of them outlives the target.
  const life = new AbortController();
  const keys = watchedKeys(issuer, `${folder}/issuer.json`, life.signal);
  const plain = edgeProfile({
    tlsFolder: tls,
    tokens: { issuerFile: `${folder}/issuer.json` },
    keySet: keys.answer,
    limits: WIDE,
    ...edge,
  });
  const profile = withAddOns(plain, addOns);
  const launchedFrom = edited(profile.config(), (bootstrap) => {
    if (rest.concurrency === 1) onePortEach(bootstrap);
    bePatient(bootstrap);
    if (quick) askQuickly(bootstrap);
    edit?.(bootstrap, tls);
  });
  const own = stack.use(
    await startOwnTarget({
      ...rest,
      config: launchedFrom,
      profile,
    }),
  );
  const { gateway } = own;
  stack.defer(() => life.abort());
  const owned = stack.move();
  return Object.assign(own, {
    launchedFrom,
    features,
    ...(features.includes("tls") && overTls(own, ca)),
    expect: {
      ...BASE_EXPECTATIONS,
      requestHeadersAdded: [
        ...BASE_EXPECTATIONS.requestHeadersAdded,
        "x-jwt-sub",
        "x-jwt-tenant",
        "x-forwarded-client-cert",
      ],
      responseHeadersAdded: [...BASE_EXPECTATIONS.responseHeadersAdded, ...QUOTA],
      responseHeadersReplaced: QUOTA,
    },
    ...(gateway.part.limits && { limits: limitsFeature(gateway.part.limits, life.signal) }),
    tokens: keys.feature,
    certificates: certificatesFeature({
      url: gateway.tlsUrl ?? "",
      folder: tls,
      ca,
      clients,
      refused: () => refusedCertificates(own),
      life: life.signal,
    }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

/** The profile's configuration, edited. */
// deno-lint-ignore no-explicit-any -- the bundled file, edited at known places
function edited(file: EnvoyConfigFile, edit: (bootstrap: any) => void): EnvoyConfigFile {
  const bootstrap = structuredClone(file.bootstrap);
  edit(bootstrap);
  return { ...file, bootstrap };
}

/** UDP on one worker needs no port that sockets share, and one of the system's choice must be nobody else's. */
// deno-lint-ignore no-explicit-any -- as above
function onePortEach({ static_resources: { listeners } }: any): void {
  for (const listener of listeners) {
    if (listener.udp_listener_config) listener.enable_reuse_port = false;
  }
}

// deno-lint-ignore no-explicit-any -- as above
function askQuickly(bootstrap: any): void {
  for (const { typed_config: { providers } } of filtersOf(bootstrap)) {
    if (providers !== undefined) providers.issuer.remote_jwks.cache_duration = "1s";
  }
}

/** The limits are counted on the thread of the suite: that it is busy must not look like a defect. */
// deno-lint-ignore no-explicit-any -- as above
function bePatient(bootstrap: any): void {
  for (const { name, typed_config: config } of filtersOf(bootstrap)) {
    if (name === "envoy.filters.http.ratelimit") config.timeout = "5s";
  }
}

/** The HTTP filters of every listener. */
// deno-lint-ignore no-explicit-any -- as above
function filtersOf({ static_resources: { listeners } }: any): any[] {
  // deno-lint-ignore no-explicit-any -- as above
  return listeners.flatMap(({ filter_chains: [{ filters: [{ typed_config }] }] }: any) =>
    typed_config.http_filters
  );
}

/** The ingress over TLS as the one that is judged, HTTP/3 beside it. */
function overTls({ gateway }: OwnTarget<EdgePart>, ca: string): Partial<Target> {
  const quic = gateway.envoy.listeners.get("ingress_h3");
  return {
    url: gateway.tlsUrl ?? "",
    quicUrl: `https://localhost:${quic?.port}`,
    protocols: ["h1", "h2c", "h3"],
    ca,
  };
}

/** A copy whose upstream has TLS and asks for a certificate; `isKnown`: by the authority that the gateway knows. */
async function startBeforeTls(
  options: EdgeTargetOptions,
  isKnown: boolean,
): Promise<Target & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "llmgate-edge-upstream-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await prepareTlsFolder(folder);
  await prepareTlsFolder(`${folder}/other`);
  const upstream = stack.use(await startTlsUpstream(folder));
  const caFile = isKnown ? `${folder}/ca.pem` : `${folder}/other/ca.pem`;
  const target = stack.use(
    await startEdgeTarget({
      ...options,
      edge: {
        ...options.edge,
        tlsFolder: folder,
        traffic: { upstreams: [{ replicas: [{ url: upstream.url, caFile }] }], fallbackOn: [] },
      },
    }),
  );
  const owned = stack.move();
  return {
    ...target,
    upstreamClients: upstream.clients,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Returns how to start a copy for each group that needs limits or certificates of its own. */
export function edgeVariants(options: EdgeTargetOptions): NonNullable<Target["variants"]> {
  const copy = (own: Partial<EdgeTargetOptions>) => () =>
    startEdgeTarget({ concurrency: 1, ...options, ...own });
  const beforeTls = (feature: string, isKnown: boolean) =>
    startBeforeTls({ concurrency: 1, ...options, features: [feature] }, isKnown);
  return {
    limits: copy({ features: ["limits"], edge: { ...options.edge, limits: SMALL_LIMITS } }),
    tls: copy({ features: ["tls"] }),
    certificates_required: copy({ features: ["certificates_required"], clients: "required" }),
    ...(ASKS_CLIENTS && {
      certificates_upstream: () => beforeTls("certificates_upstream", true),
      certificates_upstream_unknown: () => beforeTls("certificates_upstream_unknown", false),
    }),
  };
}

/** How often Envoy has refused a certificate of its server. */
async function refusedCertificates({ gateway }: OwnTarget<EdgePart>): Promise<number> {
  const stats = await gateway.envoy.admin.stats("server_ssl_socket_factory|update_rejected");
  return [...stats].filter(([name]) => name.endsWith("update_rejected"))
    .reduce((sum, [, value]) => sum + Number(value), 0);
}
