/** Rows of the console: one per request, joined from the journals while the request runs. */
import type { Policy, PolicyCheck } from "../policy/mod.ts";
import { now, redactedTarget } from "../service/mod.ts";
import type { Upstream, UpstreamExchange } from "../upstream/mod.ts";
import type { ConsoleRequest } from "./request.ts";

/** A finished request, as Envoy and our parts tell it. */
export interface FinishedRequest {
  readonly time: string;
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly decision: string;
  readonly reason: string;
  readonly tenant: string | null;
  readonly first_byte_ms: number | null;
  readonly total_ms: number;
  readonly bytes: number;
  readonly events: number | null;
  readonly flags: string;
}

/** The parts that the console watches. */
export interface Watched {
  readonly policy: Policy | undefined;
  readonly mocks: readonly Upstream[];
  /** Calls `listener` with every finished request until disposed. */
  onRequest(listener: (record: FinishedRequest) => void): Disposable;
}

interface Row {
  readonly id: string;
  readonly time: string;
  check?: PolicyCheck | undefined;
  exchange?: UpstreamExchange | undefined;
  record?: FinishedRequest | undefined;
  /** Number of the last change. */
  seq: number;
  /** State of a running exchange at the last look. */
  seen: string;
}

/** Rows that are kept; older ones go, and readers that were behind are told how many. */
const LIMIT = 2_000;
/** How often running requests are looked at while somebody watches, milliseconds. */
const LOOK_MS = 50;

/** A batch of rows that changed, and the cursor behind it. */
export interface Batch {
  readonly cursor: number;
  readonly requests: readonly ConsoleRequest[];
  /** Rows that went before this reader had them. */
  readonly dropped: number;
}

/** The rows of the console. Nothing is subscribed to before somebody reads. */
export class ConsoleFeed implements Disposable {
  readonly #watched: Watched;
  readonly #rows = new Map<string, Row>();
  readonly #subscriptions = new DisposableStack();
  readonly #readers = new Set<() => void>();
  #seq = 0;
  #gone = 0;
  #isFollowing = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** Returns the rows that changed after a cursor; 0 is the beginning. */
  since(cursor: number): Batch {
    this.#follow();
    const changed = [...this.#rows.values()].filter(({ seq }) => seq > cursor)
      .sort((a, b) => a.seq - b.seq);
    return { cursor: this.#seq, requests: changed.map(requestOf), dropped: this.#gone };
  }

  /** Returns one request, or undefined when it is not known any more. */
  one(id: string): ConsoleRequest | undefined {
    this.#follow();
    const row = this.#rows.get(id);
    return row === undefined ? undefined : requestOf(row);
  }

  /** Calls `listener` when there may be something new, until disposed. */
  onChange(listener: () => void): Disposable {
    this.#follow();
    this.#readers.add(listener);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    return {
      [Symbol.dispose]: () => {
        this.#readers.delete(listener);
        if (this.#readers.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#readers.clear();
    this.#subscriptions.dispose();
  }

  #follow(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { policy, mocks } = this.#watched;
    if (policy !== undefined) {
      for (const check of policy.journal.entries()) this.#check(check);
      this.#subscriptions.use(policy.journal.subscribe((check) => this.#check(check)));
    }
    for (const { journal } of mocks) {
      for (const exchange of journal.entries()) this.#exchange(exchange);
      this.#subscriptions.use(journal.subscribe((exchange) => this.#exchange(exchange)));
    }
    this.#subscriptions.use(
      this.#watched.onRequest((record) => {
        const row = this.#row(record.request_id, record.time);
        row.record = record;
      }),
    );
  }

  #check(check: PolicyCheck): void {
    if (check.requestId === undefined) return;
    this.#row(check.requestId, wallTime(check.receivedAt)).check = check;
  }

  #exchange(exchange: UpstreamExchange): void {
    if (exchange.requestId === undefined) return;
    this.#row(exchange.requestId, wallTime(exchange.receivedAt)).exchange = exchange;
  }

  #row(id: string, time: string): Row {
    const known = this.#rows.get(id);
    const row = known ?? { id, time, seq: 0, seen: "" };
    row.seq = ++this.#seq;
    if (known === undefined) {
      this.#rows.set(id, row);
      if (this.#rows.size > LIMIT) {
        const [oldest] = this.#rows.keys();
        if (oldest !== undefined) this.#rows.delete(oldest);
        this.#gone++;
      }
    }
    return row;
  }

  /** Notes what changed in running requests, and wakes the readers. */
  #look(): void {
    for (const row of this.#rows.values()) {
      if (row.record !== undefined) continue;
      const { exchange, check } = row;
      const seen = `${check?.decision} ${exchange?.events} ${exchange?.status} ${exchange?.end}`;
      if (seen === row.seen) continue;
      row.seen = seen;
      row.seq = ++this.#seq;
    }
    for (const reader of this.#readers) reader();
  }
}

/** A time of `now()` as people read it; shown, and never compared. */
function wallTime(at: number): string {
  return new Date(Date.now() - (now() - at)).toISOString();
}

function requestOf({ id, time, check, exchange, record }: Row): ConsoleRequest {
  return {
    id,
    state: stateOf({ check, exchange, record }),
    time: record?.time ?? time,
    method: record?.method ?? check?.method ?? exchange?.method ?? "",
    path: redactedTarget(record?.path ?? check?.path ?? exchange?.target ?? ""),
    tenant: record?.tenant ?? check?.tenant ?? "",
    model: modelOf(exchange),
    decision: record?.decision ?? check?.decision ?? "",
    reason: record?.reason ?? check?.code ?? check?.rule ?? "",
    status: record?.status ?? exchange?.status ?? check?.status ?? 0,
    first_byte_ms: record?.first_byte_ms ?? null,
    total_ms: record?.total_ms ?? null,
    bytes: record?.bytes ?? exchange?.bytesWritten ?? null,
    events: exchange?.events ?? record?.events ?? 0,
    flags: record?.flags ?? "",
    lanes: lanesOf(check, exchange),
  };
}

function stateOf(
  { check, exchange, record }: Pick<Row, "check" | "exchange" | "record">,
): ConsoleRequest["state"] {
  if (record !== undefined || exchange?.end !== undefined) return "done";
  if (exchange !== undefined) return exchange.events > 0 ? "streaming" : "waiting";
  if (check?.decision === "deny" || check?.decision === "error") return "denied";
  return check?.decision === undefined ? "deciding" : "waiting";
}

function lanesOf(
  check: PolicyCheck | undefined,
  exchange: UpstreamExchange | undefined,
): ConsoleRequest["lanes"] {
  const start = Math.min(check?.receivedAt ?? Infinity, exchange?.receivedAt ?? Infinity);
  const at = (time: number) => Math.round((time - start) * 100) / 100;
  return {
    ...(check && {
      policy: {
        from: at(check.receivedAt),
        ...(check.answeredAt !== undefined && { to: at(check.answeredAt) }),
      },
    }),
    ...(exchange && {
      upstream: {
        from: at(exchange.receivedAt),
        ...(exchange.endedAt !== undefined && { to: at(exchange.endedAt) }),
        marks: exchange.eventTimes.map(at),
      },
    }),
  };
}

function modelOf(exchange: UpstreamExchange | undefined): string {
  return /"model"\s*:\s*"([^"\\]{1,100})"/.exec(exchange?.bodyText ?? "")?.[1] ?? "";
}
