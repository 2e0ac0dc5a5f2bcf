/** Somebody else's gateway as a target. */
import {
  type Control,
  type Credentials,
  type Expectations,
  type Probe,
  probeTarget,
  type Target,
} from "../conformance/mod.ts";
import { type BackendPool, startBackendPool } from "../gateway/mod.ts";
import { startPolicyThread } from "../instruments/mod.ts";
import type { Policy } from "../policy/mod.ts";
import { assertPortFree, type Log, signNonce, silent, UnavailableError } from "../service/mod.ts";
import { startUpstream, type Upstream } from "../upstream/mod.ts";
import { type Declared, withDeclared } from "./declared.ts";
import { BASE_EXPECTATIONS, TARGET_JOURNAL_LIMIT } from "./own_target.ts";

/** Particulars of the gateways of one profile, as far as the suite must know them. */
export interface ForeignShape {
  /** Features that the gateway declares. */
  readonly features?: readonly string[];
  /** Upstreams behind it, on ports in a row; 1 when left out. */
  readonly upstreams?: number;
  /** Whether only what a client sees of it can be judged, so that no part of ours can be its. */
  readonly clientOnly?: boolean;
  /** Returns the rest of its description; `mocks` are our upstreams behind it, if any. */
  describe?(mocks: readonly Upstream[]): Partial<Target>;
}

/** Somebody else's gateway, and what of its surroundings is ours. */
export interface ForeignOptions {
  /** Base URL of its ingress. */
  readonly url: string;
  /** The parts of ours that it uses: our policy engine, our upstream, both or none. */
  readonly control: Control;
  readonly credentials: Credentials;
  /** Interface and ports of our parts: the gateway must use these addresses. */
  readonly host?: string;
  readonly policyPort: number;
  readonly upstreamPort: number;
  readonly model?: string;
  readonly rulesFile?: string;
  /** Particulars of its profile; one upstream and the common expectations when left out. */
  readonly shape?: ForeignShape;
  readonly log?: Log;
  /** Declarations of the user about it. */
  readonly declared?: Declared;
  /** Told what the first look waits for. */
  readonly onWait?: (what: string) => void;
  /** Called with the addresses before the gateway is asked anything; it may be started then. Several upstreams are joined by commas. */
  readonly onReady?: (addresses: { policy?: string; upstream?: string }) => void | Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const DEFAULT_MODEL = "gpt-4o-mini";

/** Names that gateways commonly add; what else they add is a finding. */
const COMMON_ADDITIONS = [
  "accept",
  "accept-encoding",
  "connection",
  "forwarded",
  "traceparent",
  "tracestate",
  "via",
  // Envoy's documented additions (HTTP header manipulation); use_remote_address adds the client's address.
  "x-envoy-attempt-count",
  "x-envoy-expected-rq-timeout-ms",
  "x-envoy-external-address",
  "x-envoy-internal",
  "x-envoy-original-host",
  "x-envoy-original-path",
  // Envoy's own on an HTTP engine's answer, which allowed_upstream_headers can pass on.
  "x-envoy-upstream-service-time",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
];

/** Expectations for a gateway of which nothing is known. */
export const FOREIGN_EXPECTATIONS: Expectations = {
  ...BASE_EXPECTATIONS,
  policyErrorStatus: undefined,
  policyTimeoutMs: undefined,
  requestHeadersTimeoutMs: 0,
  requestIdKept: undefined,
  requestHeadersAdded: [...BASE_EXPECTATIONS.requestHeadersAdded, ...COMMON_ADDITIONS],
  responseHeadersAdded: [
    ...BASE_EXPECTATIONS.responseHeadersAdded,
    "server",
    "via",
    "keep-alive",
    "vary",
    "x-envoy-upstream-service-time",
  ],
};

/** Cases about unknown paths, for a gateway that forwards every path: what it does not know, the upstream may. */
export const ROUTES_ALL_EXEMPT: Readonly<Record<string, string>> = {
  "route.unknown-404": "Every path is routed, so that none is unknown",
  "route.unknown-shape": "Every path is routed, so that none is unknown",
};

/**
 * Starts the parts that a foreign gateway shall use, looks at it, and describes it to the suite:
 * only cases that the real control can judge will run.
 *
 * @throws {UnavailableError} when a port is taken, the gateway does not answer, or does not use what it was said to use
 */
export async function foreignTarget(
  options: ForeignOptions,
): Promise<
  Target & AsyncDisposable & {
    readonly notes: readonly string[];
    /** The answer to an allowed request. */
    readonly firstStatus: number | undefined;
  }
> {
  const secret = crypto.randomUUID();
  const host = options.host ?? LOOPBACK;
  const log = options.log ?? silent;
  const wants = (part: "policy" | "upstream") =>
    options.control === "both" || options.control === part;
  for (
    const [part, what] of [["policy", "our policy engine"], ["upstream", "our upstream"]] as const
  ) {
    const port = part === "policy" ? options.policyPort : options.upstreamPort;
    const remedy = `use --${part}-port 0 for a free one`;
    if (!wants(part)) continue;
    for (const one of part === "policy" ? [port] : upstreamPorts(options)) {
      await assertPortFree({ host, port: one, what, remedy });
    }
  }
  await using stack = new AsyncDisposableStack();
  let policy: Policy | undefined;
  let upstream: Upstream | BackendPool | undefined;
  if (wants("policy")) {
    policy = stack.use(
      await startPolicyThread({
        journalLimit: TARGET_JOURNAL_LIMIT,
        host,
        port: options.policyPort,
        scriptSecret: secret,
        log,
        ...(options.rulesFile === undefined ? {} : { rulesFile: options.rulesFile }),
      }),
    );
  }
  if (wants("upstream")) {
    const ports = upstreamPorts(options);
    upstream = stack.use(
      ports.length === 1
        ? await startUpstream({
          host,
          port: options.upstreamPort,
          log,
          journalLimit: TARGET_JOURNAL_LIMIT,
        })
        : await startBackendPool({ host, ports, log, journalLimit: TARGET_JOURNAL_LIMIT }),
    );
  }
  const { shape = {} } = options;
  const particulars = shape.describe?.(mocksOf(upstream)) ?? {};
  await options.onReady?.({
    ...(policy && { policy: policy.address }),
    ...(upstream && { upstream: upstream.url }),
  });
  const described: Target = withDeclared({
    name: `gateway ${new URL(options.url).host}`,
    url: options.url,
    control: options.control,
    protocols: ["h1"],
    credentials: options.credentials,
    model: options.model ?? DEFAULT_MODEL,
    expect: FOREIGN_EXPECTATIONS,
    ...(policy && { policy }),
    ...(upstream && { upstream }),
    ...((policy || upstream) && { sign: (nonce: string) => signNonce(nonce, secret) }),
    ...particulars,
    features: [
      ...(options.url.startsWith("https:") ? ["tls"] : []),
      ...shape.features ?? [],
    ],
  }, options.declared ?? {});
  const probed = await probeTarget(described, options.onWait ? { onWait: options.onWait } : {});
  const { protocols, carry, control, notes, marksPath, routesAll } = probed;
  if (control !== options.control) throw notHeld(described, options.control, probed);
  const owned = stack.move();
  const { policy: _policy, upstream: _upstream, ...rest } = described;
  const judgesPolicy = control === "both" || control === "policy";
  const judgesUpstream = control === "both" || control === "upstream";
  return {
    ...rest,
    protocols,
    carry,
    control,
    ...(judgesPolicy && policy && { policy }),
    ...(judgesUpstream && upstream && { upstream }),
    ...(marksPath && { marksPath }),
    ...(routesAll && { exempt: { ...rest.exempt, ...ROUTES_ALL_EXEMPT } }),
    facts: { declared_control: options.control, probe: notes.join("; ") },
    notes,
    firstStatus: probed.status,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A control that was asked for by name, and does not hold: the run would be another one than was wanted. */
function notHeld(target: Target, wanted: Control, { control, status }: Probe): UnavailableError {
  const { policy, upstream } = target;
  const missing = [
    ...(policy && control !== "both" && control !== "policy"
      ? [`never asked our policy engine at ${policy.address} (ext_authz, gRPC)`]
      : []),
    ...(upstream && control !== "both" && control !== "upstream"
      ? [`never reached our upstream at ${upstream.url}`]
      : []),
  ];
  return new UnavailableError(
    `Cannot judge with --control ${wanted}: the gateway ${missing.join(", and it ")}; an allowed ` +
      `request got ${
        status === undefined ? "no response" : `status ${status}`
      }: point it there, or ` +
      `say --control ${control}`,
  );
}

/** Ports of our upstreams, in a row. */
function upstreamPorts({ upstreamPort: first, shape }: ForeignOptions): number[] {
  return Array.from(
    { length: shape?.upstreams ?? 1 },
    (_, index) => first === 0 ? 0 : first + index,
  );
}

function mocksOf(upstream: Upstream | BackendPool | undefined): readonly Upstream[] {
  if (upstream === undefined) return [];
  return "backends" in upstream ? upstream.backends : [upstream];
}
