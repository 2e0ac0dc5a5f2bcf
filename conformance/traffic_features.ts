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
