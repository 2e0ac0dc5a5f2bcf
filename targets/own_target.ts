/** A gateway of our own as a target. */
import type {
  EnvoyEvidence,
  EnvoyRecord,
  Expectations,
  PolicyControl,
  Target,
  UpstreamControl,
} from "../conformance/mod.ts";
import type { AccessLogEntry, RunningEnvoy } from "../envoy/mod.ts";
import {
  FREE_PORTS,
  type Gateway,
  type GatewayOptions,
  type Part,
  type Profile,
  type SinglePart,
  singleUpstream,
  startGateway,
} from "../gateway/mod.ts";
import { startPolicyThread } from "../instruments/mod.ts";
import { Journal, signNonce } from "../service/mod.ts";

/** Lines of the access log that are remembered: a whole run of the suite fits. */
const EVIDENCE_LIMIT = 50_000;

/** Entries of the journals of a stack that is judged: a whole run's. */
export const TARGET_JOURNAL_LIMIT = 50_000;

/**
 * Promises of the base profile: the numbers of `envoy/configs/base.yaml`, and the published list
 * of headers that Envoy itself adds, changes or drops.
 */
export const BASE_EXPECTATIONS: Expectations = {
  policyErrorStatus: 503,
  policyTimeoutMs: 2_000,
  requestHeadersTimeoutMs: 10_000,
  connectTimeoutMs: 1_000,
  routes: [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/models",
    "/v1/responses",
  ],
  requestHeadersAdded: [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    "x-llm-decision-id",
    "x-llm-policy-version",
    "x-tenant",
  ],
  requestHeadersChanged: [
    "host",
    ":authority",
    "x-forwarded-for",
    "connection",
    "transfer-encoding",
  ],
  responseHeadersAdded: ["x-request-id", "date", "transfer-encoding", "connection"],
  trustedHeaders: ["x-llm-decision-id", "x-llm-policy-version", "x-tenant"],
  requestIdKept: true,
};

/** Options of a target that is a gateway of our own. */
export interface OwnTargetOptions {
  /** The secret that the gateway's stub was started with. */
  readonly scriptSecret: string;
  readonly name?: string;
  /** Copies of the gateway on other configurations, for the suite's opt-in groups. */
  readonly variants?: NonNullable<Target["variants"]>;
}

/**
 * Describes a running gateway of ours to the suite: policy and upstream are under control where
 * they are ours, and Envoy's own evidence is at hand. Dispose it before the gateway.
 */
export function ownTarget(gateway: Gateway, options: OwnTargetOptions): Target & Disposable {
  const { policy, envoy } = gateway;
  const { upstream } = gateway.part;
  const accessLog = new Journal<EnvoyRecord>({ limit: EVIDENCE_LIMIT });
  const subscription = gateway.onLogged((entry) => accessLog.append(envoyRecord(entry)));
  const control = policy && upstream ? "both" : policy ? "policy" : upstream ? "upstream" : "none";
  return {
    name: options.name ?? `own stack, profile ${gateway.profile}`,
    url: gateway.url,
    control,
    protocols: ["h1", "h2c"],
    features: [],
    credentials: { allow: [["x-api-key", "demo-key"]], deny: [["x-api-key", "wrong-key"]] },
    model: "gpt-4o-mini",
    expect: BASE_EXPECTATIONS,
    ...(policy ? { policy: policy satisfies PolicyControl } : {}),
    ...(upstream ? { upstream: upstream satisfies UpstreamControl } : {}),
    envoy: evidence(envoy, accessLog),
    sign: (nonce) => signNonce(nonce, options.scriptSecret),
    carry: "header",
    ...(options.variants && { variants: options.variants }),
    facts: {
      envoy_config: envoy.configName,
      envoy_config_sha256: envoy.configSha256,
      envoy_launched_sha256: envoy.launchedSha256,
      policy: gateway.policyAddress,
      upstream: gateway.part.upstreamUrl,
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
}

/** A target of our own, with the gateway that it describes. */
export type OwnTarget<P extends Part = Part> = Target & AsyncDisposable & {
  readonly gateway: Gateway<P>;
};

/** Options of `startOwnTarget`. */
export type OwnGatewayOptions<P extends Part = Part> =
  & Omit<GatewayOptions<P>, "ports" | "scriptSecret" | "startPolicy">
  & Omit<OwnTargetOptions, "scriptSecret">;

/**
 * Starts a gateway on free ports, with the policy stub on a thread of its own, where it answers in time however busy
 * the suite is, and describes it to the suite. Disposing the target stops the gateway.
 *
 * @throws {UnavailableError} when a part does not start
 */
export async function startOwnTarget<P extends Part>(
  options: OwnGatewayOptions<P> & { readonly profile: Profile<P> },
): Promise<OwnTarget<P>>;
export async function startOwnTarget(options: OwnGatewayOptions): Promise<OwnTarget<SinglePart>>;
export async function startOwnTarget(options: OwnGatewayOptions): Promise<OwnTarget> {
  const { name, variants, ...rest } = options;
  const scriptSecret = crypto.randomUUID();
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(
    await startGateway<Part>({
      profile: singleUpstream(),
      graceMs: 0,
      journalLimit: TARGET_JOURNAL_LIMIT,
      ...rest,
      ports: FREE_PORTS,
      scriptSecret,
      startPolicy: startPolicyThread,
    }),
  );
  const target = stack.use(
    ownTarget(gateway, {
      scriptSecret,
      ...(name === undefined ? {} : { name }),
      ...(variants && { variants }),
    }),
  );
  const owned = stack.move();
  return Object.assign(target, {
    gateway,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  });
}

function evidence(envoy: RunningEnvoy, accessLog: Journal<EnvoyRecord>): EnvoyEvidence {
  return {
    version: envoy.version,
    executable: envoy.path,
    accessLog,
    stats: async (filter) => Object.fromEntries(await envoy.admin.stats(filter)),
    logs: async () =>
      await Deno.readTextFile(envoy.accessLogPath) + await Deno.readTextFile(envoy.logPath),
    memory: () => envoy.admin.memory(),
  };
}

function envoyRecord(entry: AccessLogEntry): EnvoyRecord {
  return {
    requestId: entry.requestId,
    status: entry.status,
    flags: entry.flags,
    codeDetails: entry.codeDetails,
    bytesReceived: entry.bytesReceived,
    bytesSent: entry.bytesSent,
    durationMs: entry.durationMs,
    method: entry.method,
    path: entry.path,
    line: JSON.stringify(entry),
  };
}
