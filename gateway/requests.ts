/** Joins Envoy's log line of a request with the journals of policy and upstream. */
import { type AccessLogEntry, flagWords } from "../envoy/mod.ts";
import type { Policy, PolicyCheck } from "../policy/mod.ts";
import { type Journal, redactedTarget, type RequestRecord, type Tokens } from "../service/mod.ts";
import type { Upstream, UpstreamExchange } from "../upstream/mod.ts";

/** The records that our own parts keep of a request, beside Envoy's line. */
export interface Beside {
  readonly policy?: Pick<PolicyCheck, "rule" | "code" | "tenant" | "key"> | undefined;
  readonly upstream?: Pick<UpstreamExchange, "events" | "model" | "usage"> | undefined;
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
    path: redactedTarget(entry.path),
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
    ended: flagWords(entry.flags) ?? null,
    details: entry.codeDetails ?? "",
    model: beside.upstream?.model ?? entry.model ?? null,
    key: beside.policy?.key || null,
    host: entry.upstreamHost ?? null,
    attempts: entry.upstreamAttempts,
    protocol: entry.protocol ?? null,
    bytes_received: entry.bytesReceived ?? 0,
    tokens: tokensOf(beside.upstream?.usage),
    policy_ms: entry.policyMs ?? null,
    upstream_tx_ms: milliseconds(entry.upstreamTxUs),
    upstream_rx_ms: milliseconds(entry.upstreamRxUs),
  };
}

function tokensOf(usage: Tokens | undefined): Tokens | null {
  if (usage === undefined) return null;
  const { input, output, cached } = usage;
  return { input, output, cached };
}

function milliseconds(microseconds: number | undefined): number | null {
  return microseconds === undefined ? null : microseconds / 1_000;
}

/** Requests that may run at once before the oldest loses its companions in the join. */
const RUNNING_LIMIT = 20_000;

/** Lines that are kept for whoever looks later. */
const RECENT_LIMIT = 1_000;

/** Joins Envoy's lines with the journals, and hands the records to whoever listens. */
export class RequestFeed implements Disposable {
  readonly #ignored = new Set<string>();
  readonly #listeners = new Set<(record: RequestRecord) => void>();
  readonly #raw = new Set<(entry: AccessLogEntry) => void>();
  /** Requests of our own that were left out. */
  readonly #own = new Set<string>();
  #recent: AccessLogEntry[] = [];
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
    this.#own.add(requestId);
  }

  /** Whether a request was one of our own, and left out. */
  isOwn(requestId: string): boolean {
    return this.#own.has(requestId);
  }

  /** Adds one of Envoy's log lines. */
  log(entry: AccessLogEntry): void {
    for (const listener of this.#raw) listener(entry);
    if (this.#ignored.delete(entry.requestId)) return;
    this.#recent.push(entry);
    // Cut in blocks: shifting one entry at a time would copy the list on every line.
    if (this.#recent.length >= 2 * RECENT_LIMIT) this.#recent = this.#recent.slice(-RECENT_LIMIT);
    if (this.#listeners.size === 0) return;
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

  /** The newest finished requests, oldest first, joined with what the journals still hold. */
  recent(): RequestRecord[] {
    const { policy, upstreams = [] } = this.#parts ?? {};
    const checks = lastById(policy?.journal.entries() ?? []);
    const exchanges = lastById(upstreams.flatMap(({ journal }) => journal.entries()));
    return this.#recent.slice(-RECENT_LIMIT).map((entry) =>
      joinRequest(entry, {
        policy: checks.get(entry.requestId),
        upstream: exchanges.get(entry.requestId),
      })
    );
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

function lastById<T extends { requestId?: string | undefined }>(
  entries: readonly T[],
): ReadonlyMap<string, T> {
  return new Map(entries.map((entry) => [entry.requestId ?? "", entry]));
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
