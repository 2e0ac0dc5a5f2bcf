import {
  type Control,
  type Credentials,
  type Expectations,
  probeTarget,
  type Target,
} from "../conformance/mod.ts";
import { type BackendPool, startBackendPool } from "../gateway/mod.ts";
import { startPolicyThread } from "../instruments/mod.ts";
import type { Policy } from "../policy/mod.ts";
import { assertPortFree, type Log, signNonce, silent } from "../service/mod.ts";
import type { RoutingLogic } from "../router/mod.ts";
import { startUpstream, type Upstream } from "../upstream/mod.ts";
import { CHAT, ROUTER_EXEMPT, routerFeature } from "./routed_models.ts";
import { BASE_EXPECTATIONS, TARGET_JOURNAL_LIMIT } from "./own_target.ts";

/** Somebody else's gateway, and what of its surroundings is ours. */
export interface ForeignOptions {
  /** Base URL of its ingress. */
  readonly url: string;
  /** What it was told to use: our policy engine, our upstream, both or none. */
  readonly control: Control;
  readonly credentials: Credentials;
  /** Interface and ports of our parts: the gateway must use these addresses. */
  readonly host?: string;
  readonly policyPort: number;
  readonly upstreamPort: number;
  readonly model?: string;
  readonly rulesFile?: string;
  /** Features that the gateway declares. */
  readonly features?: readonly string[];
  /** It is a model router, with the seed's routes: three upstreams are behind it, on ports in a row. */
  readonly router?: { readonly logic: RoutingLogic };
  readonly log?: Log;
  /** Called with the addresses before the gateway is asked anything; it may be started then. Several upstreams are joined by commas. */
  readonly onReady?: (addresses: { policy?: string; upstream?: string }) => void | Promise<void>;
}

const LOOPBACK = "127.0.0.1";
const DEFAULT_MODEL = "gpt-4o-mini";

/** As many as an own router has: one can be left out, and the others share. */
const BACKENDS = 3;

/** The features that a routing logic opens, beside `router`. */
const LOGIC_FEATURES: Partial<Record<RoutingLogic, string>> = {
  session: "router_session",
  least_outstanding_requests: "router_least_outstanding",
};

/** Cases that the seed's routes leave nothing to ask of; `router.*` asks the same of their models. */
const ROUTER_FOREIGN_EXEMPT: Readonly<Record<string, string>> = {
  ...ROUTER_EXEMPT,
  "allow.body-identical": "Its model has no route: router.body-identical judges the same",
  "pass.multipart": "Its path has no route",
};

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
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
];

/** What may be expected of a gateway of which nothing is known. */
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
 * @throws {UnavailableError} when a port is taken, or the gateway does not answer
 */
export async function foreignTarget(
  options: ForeignOptions,
): Promise<Target & AsyncDisposable & { readonly notes: readonly string[] }> {
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
      options.router === undefined
        ? await startUpstream({
          host,
          port: options.upstreamPort,
          log,
          journalLimit: TARGET_JOURNAL_LIMIT,
        })
        : await startBackendPool({ host, ports, log, journalLimit: TARGET_JOURNAL_LIMIT }),
    );
  }
  const routed = options.router && describeRouter(options.router, upstream);
  await options.onReady?.({
    ...(policy && { policy: policy.address }),
    ...(upstream && { upstream: upstream.url }),
  });
  const described: Target = {
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
    ...routed,
    features: [
      ...(options.url.startsWith("https:") ? ["tls"] : []),
      ...(routed?.features ?? options.features ?? []),
    ],
  };
  const { protocols, carry, control, notes } = await probeTarget(described);
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
    facts: { declared_control: options.control, probe: notes.join("; ") },
    notes,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Ports of our upstream: one, or as many in a row as a router chooses from. */
function upstreamPorts({ upstreamPort: first, router }: ForeignOptions): number[] {
  const count = router === undefined ? 1 : BACKENDS;
  return Array.from({ length: count }, (_, index) => first === 0 ? 0 : first + index);
}

/** What is different about a target that is a router. */
function describeRouter(
  { logic }: { readonly logic: RoutingLogic },
  upstream: Upstream | BackendPool | undefined,
): Pick<Target, "features" | "expect" | "exempt" | "model"> & Partial<Target> {
  const feature = LOGIC_FEATURES[logic];
  return {
    features: ["router", ...(feature === undefined ? [] : [feature])],
    expect: { ...FOREIGN_EXPECTATIONS, routes: [CHAT.path], ownAnswers: ["/v1/models"] },
    exempt: ROUTER_FOREIGN_EXEMPT,
    model: CHAT.model,
    ...(upstream && "backends" in upstream && { router: routerFeature(upstream.backends) }),
  };
}
