/** Features of a target with more than one upstream: what its promises are, and who is behind it. */
import type { UpstreamControl } from "./witnesses.ts";

/** One of the upstreams, which is ours. */
export interface KnownUpstream extends Pick<UpstreamControl, "journal" | "scripts"> {
  /** HOST:PORT, which requests must name as their host. */
  readonly authority: string;
  /** Prefix of the paths that it serves; empty for none. */
  readonly pathPrefix: string;
  /** Value of `authorization` that requests must carry. */
  readonly authorization: string;
  /** Closes its listener and connections, and lets it listen again. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}

/** The feature `fallback`: each upstream is asked when the ones before it cannot answer. */
export interface FallbackFeature {
  /** In the order in which they are asked; two at least. */
  readonly upstreams: readonly KnownUpstream[];
  /** Milliseconds that each has to send its first header; for the features `first_byte` and `hedge`. */
  readonly firstByteMs?: number;
  /** The response header that says how often an upstream was asked. */
  readonly attemptsHeader: string;
  /** Requests that may be in flight; for the feature `breaker`. */
  readonly maxInFlight?: number;
  /** Header by which requests stick to an upstream; for the feature `affinity`. */
  readonly affinityHeader?: string;
  /** Path of the question after health; for the feature `health`. */
  readonly healthPath?: string;
}

/** The feature `mirror`: somebody gets a copy of each request. */
export interface MirrorFeature {
  readonly mirror: KnownUpstream;
}

/** Outcome of a change: it is in force, there was none, or only a new listener could have it. */
export type ChangeOutcome = "applied" | "unchanged" | "restart";

/** The feature `reload`: the configuration is changed while streams run. */
export interface ReloadFeature {
  /** Answers have `x-case-route: VALUE` from now on. */
  routes(value: string): Promise<ChangeOutcome>;
  /** A cluster that no route leads to. */
  clusters(state: "added" | "changed" | "removed"): Promise<ChangeOutcome>;
  /** Requests go to the endpoint of the first or second upstream from now on. */
  endpoints(name: "first" | "second"): Promise<ChangeOutcome>;
  /** Requests of a nonce that the second upstream saw. */
  moved(nonce: string): number;
  /** A path that is closed with 403 from now on. */
  filters(closedPath: string): Promise<ChangeOutcome>;
  /** Something that Envoy refuses; resolves with the reason that was given. */
  broken(): Promise<string>;
  /** Something that only a new listener can have. */
  listener(): Promise<ChangeOutcome>;
}

/** A span as a collector has it. */
export interface TracedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A log record as a collector has it. */
export interface TracedLog {
  readonly spanId?: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The feature `trace`: a collector of ours hears of each request. */
export interface TraceFeature {
  /** Resolves with what came of a trace, once its server span and log record have, or it took too long. */
  of(traceId: string): Promise<{ spans: readonly TracedSpan[]; log: TracedLog | undefined }>;
  /** Closes the collector, and lets it listen again. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}
