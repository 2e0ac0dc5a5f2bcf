/** Rows of the console: one per request, joined from the journals while the request runs. */
import type { Policy, PolicyCheck } from "../policy/mod.ts";
import { now, type RequestRecord } from "../service/mod.ts";
import type { Upstream, UpstreamExchange } from "../upstream/mod.ts";
import { type Row, rowOf } from "./row.ts";
import type { ConsoleRequest } from "./request.ts";
import type { Tapped, TapSource } from "./tapped.ts";

/** The parts that the console watches. */
export interface Watched {
  readonly policy: Policy | undefined;
  readonly mocks: readonly Upstream[];
  readonly tap?: TapSource | undefined;
  /** Finished requests of the time before anybody looked, oldest first. */
  recent?(): readonly RequestRecord[];
  /** Whether a request is the gateway's own, and nobody's to see. */
  isOwn?(requestId: string): boolean;
  /** Calls `listener` with every finished request until disposed. */
  onRequest(listener: (record: RequestRecord) => void): Disposable;
}

/** Rows that are kept; older ones go, and readers that were behind are told how many. */
const LIMIT = 2_000;
/** Rows that are counted after they went. */
const GONE_LIMIT = 20_000;
/** How often running requests are looked at while somebody watches, milliseconds. */
const LOOK_MS = 50;

/** A batch of rows that changed, and the cursor behind it. */
export interface Batch {
  /** `EPOCH-NUMBER`: a cursor of another run is none. */
  readonly cursor: string;
  readonly requests: readonly ConsoleRequest[];
  /** Rows that went before this reader had their last change. */
  readonly dropped: number;
  /** The cursor that was given is of another run: everything is told again. */
  readonly reset: boolean;
}

/** The rows of the console. Nothing is subscribed to before somebody reads. */
export class ConsoleFeed implements Disposable {
  readonly #watched: Watched;
  readonly #rows = new Map<string, Row>();
  readonly #subscriptions = new DisposableStack();
  readonly #readers = new Set<() => void>();
  readonly #epoch = crypto.randomUUID().slice(0, 8);
  #seq = 0;
  /** Last changes of the rows that are gone, oldest first. */
  #gone: number[] = [];
  #isFollowing = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** Returns the rows that changed after a cursor; the empty one is the beginning. */
  since(cursor: string): Batch {
    this.#follow();
    const after = this.#seqOf(cursor);
    const changed = [...this.#rows.values()].filter(({ seq }) => seq > (after ?? 0))
      // A first reader is told them as they arrived; a follower, as they changed.
      .sort(
        after === undefined ? byStart : (a, b) => a.seq - b.seq,
      );
    return {
      cursor: `${this.#epoch}-${this.#seq}`,
      requests: changed.map(rowOf),
      dropped: after === undefined ? 0 : this.#gone.filter((seq) => seq > after).length,
      reset: cursor !== "" && after === undefined,
    };
  }

  /** Returns what was heard of one request; undefined when it is not known any more. */
  one(id: string): Row | undefined {
    this.#follow();
    return this.#rows.get(id);
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

  #seqOf(cursor: string): number | undefined {
    const [, epoch, seq] = /^(\w+)-(\d+)$/.exec(cursor) ?? [];
    return epoch === this.#epoch ? Number(seq) : undefined;
  }

  #follow(): void {
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    const { policy, mocks, tap } = this.#watched;
    for (const record of this.#watched.recent?.() ?? []) this.#finished(record);
    if (policy !== undefined) {
      for (const check of policy.journal.entries()) this.#check(check);
      this.#subscriptions.use(policy.journal.subscribe((check) => this.#check(check)));
    }
    for (const { journal } of mocks) {
      for (const exchange of journal.entries()) this.#exchange(exchange);
      this.#subscriptions.use(journal.subscribe((exchange) => this.#exchange(exchange)));
    }
    if (tap !== undefined) {
      for (const tapped of tap.entries()) this.#tapped(tapped);
      this.#subscriptions.use(tap.subscribe((tapped) => this.#tapped(tapped)));
    }
    this.#subscriptions.use(
      this.#watched.onRequest((record) => this.#finished(record)),
    );
  }

  #finished(record: RequestRecord): void {
    this.#row(record.request_id, record.time).record = record;
  }

  #check(check: PolicyCheck): void {
    if (check.requestId === undefined || this.#watched.isOwn?.(check.requestId)) return;
    this.#row(check.requestId, wallTime(check.receivedAt)).check = check;
  }

  #exchange(exchange: UpstreamExchange): void {
    if (exchange.requestId === undefined) return;
    this.#row(exchange.requestId, wallTime(exchange.receivedAt)).exchanges.push(exchange);
  }

  #tapped(tapped: Tapped): void {
    this.#row(tapped.requestId, wallTime(tapped.receivedAt)).tapped = tapped;
  }

  #row(id: string, time: string): Row {
    const known = this.#rows.get(id);
    const row = known ?? { id, time, exchanges: [], seq: 0, seen: "" };
    row.seq = ++this.#seq;
    if (known === undefined) {
      this.#rows.set(id, row);
      if (this.#rows.size > LIMIT) this.#dropOldest();
    }
    return row;
  }

  #dropOldest(): void {
    const [oldest] = this.#rows.values();
    if (oldest === undefined) return;
    this.#rows.delete(oldest.id);
    this.#gone.push(oldest.seq);
    if (this.#gone.length > 2 * GONE_LIMIT) this.#gone = this.#gone.slice(-GONE_LIMIT);
  }

  /** Notes what changed in running requests, and wakes the readers. */
  #look(): void {
    for (const row of this.#rows.values()) {
      if (row.record !== undefined) continue;
      const { exchanges, check, tapped } = row;
      const last = exchanges.at(-1);
      const seen = `${check?.decision} ${last?.events} ${last?.status} ${last?.end} ` +
        `${tapped?.events.length} ${tapped?.status}`;
      if (seen === row.seen) continue;
      row.seen = seen;
      row.seq = ++this.#seq;
    }
    for (const reader of this.#readers) reader();
  }
}

/** Orders rows as their requests arrived. */
function byStart(one: Row, two: Row): number {
  const [a, b] = [startOf(one), startOf(two)];
  return a < b ? -1 : a > b ? 1 : one.seq - two.seq;
}

/** When a request arrived: ISO 8601, so that texts are in the order of time. */
function startOf({ record, time }: Row): string {
  return record?.time ?? time;
}

/** A time of `now()` as people read it; shown, and never compared. */
function wallTime(at: number): string {
  return new Date(Date.now() - (now() - at)).toISOString();
}
