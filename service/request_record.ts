/** The record of a request that is over: what the terminal, the console and the call log tell of it. */

/** One finished request, as everyone who saw it tells it. Durations are milliseconds. */
export interface RequestRecord {
  /** When the request arrived: ISO 8601, milliseconds, UTC. */
  readonly time: string;
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /**
   * `error`: policy gave no usable answer; `refused`: it denied or gave none, the log does not say which; `open`: a path
   * without policy; `none`: never asked.
   */
  readonly decision: "allow" | "deny" | "error" | "refused" | "open" | "none";
  /** Why: the rule that matched, the deny code, or Envoy's code detail. */
  readonly reason: string;
  readonly tenant: string | null;
  readonly first_byte_ms: number | null;
  readonly total_ms: number;
  readonly bytes: number;
  /** SSE events sent; only our own upstream can count them. */
  readonly events: number | null;
  /** Envoy's response flags, `-` without any. */
  readonly flags: string;
  /** The flags in words: `client left`; null without any. */
  readonly ended: string | null;
  /** Envoy's code details: who answered, and why. */
  readonly details: string;
  readonly model: string | null;
  /** Name of the key; policy's journal alone knows it. */
  readonly key: string | null;
  /** `host:port` of the upstream that answered. */
  readonly host: string | null;
  /** How often an upstream was asked: more than once where another one had to take over. */
  readonly attempts: number;
  readonly protocol: string | null;
  readonly bytes_received: number;
  /** Tokens of the answer; null where nobody of ours counted them. */
  readonly tokens: Tokens | null;
  /** Milliseconds that policy took, as Envoy measured it. */
  readonly policy_ms: number | null;
  /** Milliseconds until the request's head had gone upstream. */
  readonly upstream_tx_ms: number | null;
  /** Milliseconds until the head of the upstream's answer had come. */
  readonly upstream_rx_ms: number | null;
}

/** Tokens of an answer. */
export interface Tokens {
  readonly input: number;
  readonly output: number;
  /** Part of `input` that came from a cache. */
  readonly cached: number;
}
