import {
  type Control,
  type Credentials,
  type Expectations,
  probeTarget,
  type Target,
} from "../conformance/mod.ts";
import { type Policy, startPolicy } from "../policy/mod.ts";
import { assertPortFree, type Log, signNonce, silent } from "../service/mod.ts";
import { startUpstream, type Upstream } from "../upstream/mod.ts";
import { BASE_EXPECTATIONS } from "./target.ts";

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
  readonly log?: Log;
  /** Called with the addresses before the gateway is asked anything; it may be started then. */
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
  "x-envoy-expected-rq-timeout-ms",
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
  requestHeadersTimeoutMs: 0,
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
    if (wants(part)) await assertPortFree({ host, port, what, remedy });
  }
  await using stack = new AsyncDisposableStack();
  let policy: Policy | undefined;
  let upstream: Upstream | undefined;
  if (wants("policy")) {
    policy = stack.use(
      await startPolicy({
        host,
        port: options.policyPort,
        scriptSecret: secret,
        log,
        ...(options.rulesFile === undefined ? {} : { rulesFile: options.rulesFile }),
      }),
    );
  }
  if (wants("upstream")) {
    upstream = stack.use(await startUpstream({ host, port: options.upstreamPort, log }));
  }
  await options.onReady?.({
    ...(policy && { policy: policy.address }),
    ...(upstream && { upstream: upstream.url }),
  });
  const described: Target = {
    name: `gateway ${new URL(options.url).host}`,
    url: options.url,
    control: options.control,
    protocols: ["h1"],
    features: options.features ?? [],
    credentials: options.credentials,
    model: options.model ?? DEFAULT_MODEL,
    expect: FOREIGN_EXPECTATIONS,
    ...(policy && { policy }),
    ...(upstream && { upstream }),
    ...((policy || upstream) && { sign: (nonce: string) => signNonce(nonce, secret) }),
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
