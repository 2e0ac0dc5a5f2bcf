/** Joins Envoy's log line of a request with the journals of policy and upstream. */
import type { AccessLogEntry } from "../envoy/mod.ts";
import type { Policy, PolicyCheck } from "../policy/mod.ts";
import type { Journal } from "../service/mod.ts";
import type { Upstream, UpstreamExchange } from "../upstream/mod.ts";

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
  /** How often an upstream was asked: more than once where another one had to take over. */
  readonly attempts: number;
}

/** The records that our own parts keep of a request, beside Envoy's line. */
export interface Beside {
  readonly policy?: Pick<PolicyCheck, "rule" | "code" | "tenant"> | undefined;
  readonly upstream?: Pick<UpstreamExchange, "events"> | undefined;
}

/**
 * Returns one record of what Envoy, the policy and the upstream saw of a request. The decision is
 * Envoy's word: what was enforced is the truth, not what policy meant.
 */
export function joinRequest(entry: AccessLogEntry, beside: Beside): RequestRecord {
  const open = entry.codeDetails === "direct_response";
  const reasons = {
    allow: beside.policy?.rule ?? entry.rule,
    deny: beside.policy?.code ?? entry.denyCode ?? entry.rule,
    error: undefined,
    refused: beside.policy?.code,
    none: undefined,
  };
  const events = beside.upstream?.events ?? 0;
  return {
    time: entry.startTime,
    request_id: entry.requestId,
    method: entry.method,
    path: entry.path,
    status: entry.status ?? 0,
    decision: open ? "open" : entry.decision,
    reason: reasons[entry.decision] ?? entry.codeDetails ?? "",
    // A denial has an empty one in its metadata: there is no tenant to name.
    tenant: entry.tenant || beside.policy?.tenant || null,
    first_byte_ms: entry.firstByteMs ?? null,
    total_ms: entry.durationMs ?? 0,
    bytes: entry.bytesSent ?? 0,
    events: events > 0 ? events : null,
    flags: entry.flags ?? "-",
    attempts: entry.upstreamAttempts,
  };
}

/** Requests that may run at once before the oldest loses its companions in the join. */
const RUNNING_LIMIT = 20_000;

/** Joins Envoy's lines with the journals, and hands the records to whoever listens. */
export class RequestFeed implements Disposable {
  readonly #ignored = new Set<string>();
  readonly #listeners = new Set<(record: RequestRecord) => void>();
  readonly #raw = new Set<(entry: AccessLogEntry) => void>();
  #policy: ByRequestId<PolicyCheck> | undefined;
  #upstreams: ByRequestId<UpstreamExchange>[] | undefined;
  #parts: { policy: Policy | undefined; upstreams: readonly Upstream[] } | undefined;

  /** Names our own parts, whose journals then take part in the join. */
  join(parts: { policy: Policy | undefined; upstreams: readonly Upstream[] }): void {
    this.#parts = parts;
    if (this.#listeners.size > 0) this.#follow();
  }

  /** Leaves the request with this id out: it is our own. */
  ignore(requestId: string): void {
    this.#ignored.add(requestId);
  }

  /** Adds one of Envoy's log lines. */
  log(entry: AccessLogEntry): void {
    for (const listener of this.#raw) listener(entry);
    if (this.#ignored.delete(entry.requestId) || this.#listeners.size === 0) return;
    const seen = this.#upstreams?.map((upstream) => upstream.take(entry.requestId));
    const record = joinRequest(entry, {
      policy: this.#policy?.take(entry.requestId),
      upstream: seen?.find((exchange) => exchange !== undefined),
    });
    for (const listener of this.#listeners) listener(record);
  }

  /** Calls `listener` with every joined record until disposed. */
  onRequest(listener: (record: RequestRecord) => void): Disposable {
    this.#listeners.add(listener);
    this.#follow();
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Calls `listener` with each of Envoy's own lines until disposed. */
  onLogged(listener: (entry: AccessLogEntry) => void): Disposable {
    this.#raw.add(listener);
    return { [Symbol.dispose]: () => void this.#raw.delete(listener) };
  }

  [Symbol.dispose](): void {
    this.#policy?.[Symbol.dispose]();
    for (const upstream of this.#upstreams ?? []) upstream[Symbol.dispose]();
    this.#listeners.clear();
    this.#raw.clear();
  }

  /** Only a feed that somebody reads costs the journals anything. */
  #follow(): void {
    if (this.#parts === undefined) return;
    const { policy, upstreams } = this.#parts;
    if (policy) this.#policy ??= new ByRequestId(policy.journal, RUNNING_LIMIT);
    this.#upstreams ??= upstreams.map(({ journal }) => new ByRequestId(journal, RUNNING_LIMIT));
  }
}

/** Keeps records by request id until they are asked for, the oldest forgotten beyond `limit`. */
export class ByRequestId<T extends { requestId?: string | undefined }> implements Disposable {
  readonly #records = new Map<string, T>();
  readonly #subscription: Disposable;

  constructor(journal: Pick<Journal<T>, "subscribe">, limit: number) {
    this.#subscription = journal.subscribe((record) => {
      if (record.requestId === undefined) return;
      this.#records.set(record.requestId, record);
      if (this.#records.size <= limit) return;
      const [oldest] = this.#records.keys();
      if (oldest !== undefined) this.#records.delete(oldest);
    });
  }

  /** Returns the record of a request and forgets it. */
  take(requestId: string): T | undefined {
    const record = this.#records.get(requestId);
    this.#records.delete(requestId);
    return record;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#records.clear();
  }
}
