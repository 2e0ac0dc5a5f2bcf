import type {
  EnvoyEvidence,
  EnvoyRecord,
  Expectations,
  PolicyControl,
  Target,
  UpstreamControl,
} from "../conformance/mod.ts";
import type { AccessLogEntry, RunningEnvoy } from "../envoy/mod.ts";
import type { Gateway } from "../gateway/mod.ts";
import { Journal, signNonce } from "../service/mod.ts";

/** Lines of the access log that are remembered: a whole run of the suite fits. */
const EVIDENCE_LIMIT = 50_000;

/** Entries of the journals of a stack that is judged: a whole run's. */
export const TARGET_JOURNAL_LIMIT = 50_000;

/**
 * What the base profile promises: the numbers of `envoy/configs/base.yaml`, and the published list
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

/** What the suite may do with a gateway of our own. */
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
  const upstream = gateway.upstream ?? gateway.routing?.pool;
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
      upstream: gateway.upstreamUrl,
    },
    [Symbol.dispose]: () => subscription[Symbol.dispose](),
  };
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
