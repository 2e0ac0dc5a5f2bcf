/** Declarations of a user about a gateway: how to get in, and its features beyond the core. */
import type {
  ContextFeature,
  GuardFeature,
  HeaderList,
  JwtFeature,
  RateLimitFeature,
  Target,
  WayIn,
} from "../conformance/mod.ts";

/** Facts that cannot be found by probing. */
export interface Declared {
  /** Value of `host` and `:authority`. */
  readonly host?: string;
  /** Path before the paths of the API, such as `/llm`. */
  readonly basePath?: string;
  /** Headers of every request, denied ones included. */
  readonly headers?: HeaderList;
  readonly proxyProtocol?: boolean;
  /** HTTP/1.1 is not spoken. */
  readonly http2Only?: boolean;
  /** PEM of the root that the gateway's certificate chains to. */
  readonly ca?: string;
  /** Names that only policy may set, in place of the project's own. */
  readonly trustedHeaders?: readonly string[];
  /** How long the gateway waits for policy, milliseconds. */
  readonly policyTimeoutMs?: number;
  readonly features?: readonly string[];
  readonly jwt?: JwtFeature;
  readonly rateLimit?: RateLimitFeature;
  readonly guard?: GuardFeature;
  readonly context?: ContextFeature;
  /** The rest of its description, where parts of ours stand beside it. */
  readonly particulars?: Partial<Target>;
}

/** Adds what was declared to what is known of a target. */
export function withDeclared<T extends Target>(target: T, declared: Declared): T {
  const { host, headers, proxyProtocol, basePath, ca } = declared;
  const { jwt, rateLimit, guard, context } = declared;
  const wayIn: WayIn = {
    ...target.wayIn,
    ...(host !== undefined && { host }),
    ...(headers !== undefined && headers.length > 0 && { headers }),
    ...(proxyProtocol && { proxyProtocol: true }),
  };
  const { trustedHeaders, policyTimeoutMs, particulars } = declared;
  return {
    ...target,
    ...particulars,
    ...(Object.keys(wayIn).length > 0 && { wayIn }),
    ...(basePath !== undefined && { url: `${target.url.replace(/\/+$/, "")}${basePath}` }),
    ...(declared.http2Only && { protocols: ["h2c"] }),
    ...(ca !== undefined && { ca }),
    ...(jwt && { jwt }),
    ...(rateLimit && { rateLimit }),
    ...(guard && { guard }),
    ...(context && { context }),
    features: [...new Set([...target.features, ...declared.features ?? []])],
    expect: {
      ...(particulars?.expect ?? target.expect),
      ...(trustedHeaders && trustedHeaders.length > 0 && { trustedHeaders: [...trustedHeaders] }),
      ...(policyTimeoutMs !== undefined && { policyTimeoutMs }),
    },
  };
}
