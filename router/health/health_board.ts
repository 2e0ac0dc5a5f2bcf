/** Which hosts may take a request now, by what became of the requests before. Pure but for its clock. */
import type { BackendHost } from "../hosts.ts";

/** Outcome of a request at a host. */
export type Outcome =
  /** Answered to the end, with a status that is not the host's failure. */
  | "answered"
  /** It took no connection, or refused the request before it was sent. */
  | "unreachable"
  /** A status that says the host failed (500, 502, 503, 504), or no answer in time. */
  | "error"
  /** The connection broke after the request was sent, or in the middle of the answer. */
  | "broken";

/**
 * How a host stands: it takes requests; it is out for a while, because requests failed there; it
 * does not answer its probe; it takes a growing share of its requests again; it asked not to be asked
 * for a while; its engine sleeps.
 */
export const HOST_STATES = [
  "healthy",
  "ejected",
  "down",
  "returning",
  "resting",
  "sleeping",
] as const;

export type HostState = typeof HOST_STATES[number];

/** Limits of a {@linkcode HealthBoard}; the defaults follow Envoy's outlier detection, for fewer hosts. */
export interface HealthLimits {
  /** Failed requests in a row, `error` or `broken`, after which a host is ejected; 3. */
  readonly failures: number;
  /** Failed probes in a row after which a host is down; 2. */
  readonly failedProbes: number;
  /** Milliseconds of the first ejection; each one after it, before it is healthy again, is twice as long; 5,000. */
  readonly ejectMs: number;
  /** Milliseconds of the longest ejection; 60,000. */
  readonly maxEjectMs: number;
  /** Milliseconds in which a host that returns comes to its full share; 10,000. */
  readonly returnMs: number;
  /**
   * Largest share of a model's hosts that failed requests alone may take out, 0..1; 0.5. A host
   * that takes no connection, or is down, does not count: it is not a matter of opinion.
   */
  readonly maxEjected: number;
  /** Milliseconds that a host may ask for at most; 60,000. */
  readonly maxRestMs: number;
}

export const HEALTH_LIMITS: HealthLimits = {
  failures: 3,
  failedProbes: 2,
  ejectMs: 5_000,
  maxEjectMs: 60_000,
  returnMs: 10_000,
  maxEjected: 0.5,
  maxRestMs: 60_000,
};

/** Options of {@linkcode HealthBoard}. */
export interface HealthOptions extends Partial<HealthLimits> {
  /** Monotonic milliseconds. */
  now(): number;
  /** A number in 0..1; `Math.random` when left out. */
  random?(): number;
  /** Called when the state of a host has changed because of what was reported. */
  onChange?(endpoint: string, state: HostState, why: string): void;
}

/** Where a host that returns begins: enough to be noticed, little enough to fail unseen. */
const FIRST_SHARE = 0.1;

interface HostRecord {
  /** Failed requests in a row. */
  failures: number;
  failedProbes: number;
  /** Ejections since it was last healthy. */
  ejections: number;
  down: boolean;
  /** Ejected until then; it has returned `returnMs` later. Undefined when healthy. */
  until: number | undefined;
  /** Ejected because it took no connection. */
  unreachable: boolean;
  /** Until then it asked not to be asked. */
  restUntil: number;
  asleep: boolean;
}

/** A number in 0..1 for a host: whether a request is within the share that it takes. */
export type Draw = (endpoint: string) => number;

/** Keeps the state of each host, and says which of them may take a request. */
export class HealthBoard {
  readonly #limits: HealthLimits;
  readonly #options: HealthOptions;
  readonly #records = new Map<string, HostRecord>();

  constructor(options: HealthOptions) {
    this.#options = options;
    this.#limits = { ...HEALTH_LIMITS, ...options };
  }

  /** The state of a host; one that nothing was reported about is healthy. */
  state(endpoint: string): HostState {
    const record = this.#records.get(endpoint);
    if (record === undefined) return "healthy";
    if (record.down) return "down";
    if (record.asleep) return "sleeping";
    const { until } = record;
    const now = this.#options.now();
    if (now < record.restUntil) return "resting";
    if (until === undefined || now >= until + this.#limits.returnMs) return "healthy";
    return now < until ? "ejected" : "returning";
  }

  /** Notes what became of a request. */
  report(endpoint: string, outcome: Outcome): void {
    const record = this.#settled(endpoint);
    const state = this.state(endpoint);
    if (outcome === "answered") {
      record.failures = 0;
      return;
    }
    // What was sent before the ejection and fails now says nothing new, unless it is worse.
    const worse = outcome === "unreachable" && !record.unreachable;
    if (state === "ejected" && !worse) return;
    record.failures++;
    record.unreachable = outcome === "unreachable";
    if (record.unreachable) return this.#eject(endpoint, record, "takes no connection");
    // One that returns is on trial.
    if (state === "returning" || record.failures >= this.#limits.failures) {
      this.#eject(endpoint, record, `failed ${record.failures} requests in a row`);
    }
  }

  /** Notes whether a host answered its probe, and what it said otherwise. */
  probed(endpoint: string, up: boolean, why = ""): void {
    const record = this.#settled(endpoint);
    if (!up) {
      record.failedProbes++;
      if (record.down || record.failedProbes < this.#limits.failedProbes) return;
      record.down = true;
      return this.#tell(endpoint, `does not answer its probe: ${why}`);
    }
    record.failedProbes = 0;
    // Whoever took no connection takes one now; a host that fails requests answers probes, too.
    const reached = this.state(endpoint) === "ejected" && record.unreachable;
    if (!record.down && !reached) return;
    record.down = false;
    record.failures = 0;
    record.until = this.#options.now();
    this.#tell(endpoint, "answers its probe again");
  }

  /** Notes that a host asked not to be asked for as long. */
  rest(endpoint: string, ms: number): void {
    const record = this.#settled(endpoint);
    const until = this.#options.now() + Math.min(ms, this.#limits.maxRestMs);
    if (!(until > record.restUntil)) return;
    const before = this.state(endpoint);
    record.restUntil = until;
    if (before !== "resting") this.#tell(endpoint, `asked not to be asked for ${ms / 1_000} s`);
  }

  /** Notes whether the engine of a host sleeps. */
  slept(endpoint: string, asleep: boolean): void {
    if (!asleep && !this.#records.has(endpoint)) return;
    const record = this.#settled(endpoint);
    if (record.asleep === asleep) return;
    record.asleep = asleep;
    this.#tell(endpoint, asleep ? "has put its engine to sleep" : "is awake again");
  }

  /**
   * Returns those of the hosts that may take a request: the healthy ones, and of those that return
   * each with its share: of chance, unless told otherwise. None when none is healthy.
   */
  admit(
    hosts: readonly BackendHost[],
    draw: Draw = this.#options.random ?? Math.random,
  ): readonly BackendHost[] {
    // The usual case costs nothing.
    if (this.#records.size === 0) return hosts;
    const kept = this.#kept(hosts);
    const fit = hosts.filter(({ endpoint }) => {
      const state = this.state(endpoint);
      return state === "healthy" || state === "returning" || kept.has(endpoint);
    });
    const drawn = fit.filter(({ endpoint }) => {
      const share = kept.has(endpoint) ? 1 : this.share(endpoint);
      return share >= 1 || draw(endpoint) < share;
    });
    return drawn.length > 0 ? drawn : fit;
  }

  /** The share of its requests that a host takes, 0..1: it grows while the host returns. */
  share(endpoint: string): number {
    const state = this.state(endpoint);
    if (state !== "returning") return state === "healthy" ? 1 : 0;
    const since = this.#options.now() - (this.#records.get(endpoint)?.until ?? 0);
    return Math.max(FIRST_SHARE, since / this.#limits.returnMs);
  }

  /** Forgets every host but these. */
  retain(endpoints: ReadonlySet<string>): void {
    for (const endpoint of this.#records.keys()) {
      if (!endpoints.has(endpoint)) this.#records.delete(endpoint);
    }
  }

  /** Hosts ejected for failed requests that stay because too many would be gone: the first to return. */
  #kept(hosts: readonly BackendHost[]): ReadonlySet<string> {
    const suspects = hosts.map(({ endpoint }) => endpoint)
      .filter((endpoint) =>
        this.state(endpoint) === "ejected" && !this.#records.get(endpoint)?.unreachable
      );
    const most = Math.floor(hosts.length * this.#limits.maxEjected);
    const until = (endpoint: string) => this.#records.get(endpoint)?.until ?? 0;
    return new Set(
      suspects.sort((a, b) => until(a) - until(b)).slice(0, Math.max(0, suspects.length - most)),
    );
  }

  #eject(endpoint: string, record: HostRecord, why: string): void {
    const { ejectMs, maxEjectMs } = this.#limits;
    const ms = Math.min(ejectMs * 2 ** record.ejections, maxEjectMs);
    record.ejections++;
    record.until = this.#options.now() + ms;
    this.#tell(endpoint, `${why}: out for ${ms / 1_000} s`);
  }

  /** The record of a host, its past forgotten once it is healthy again. */
  #settled(endpoint: string): HostRecord {
    let record = this.#records.get(endpoint);
    if (record === undefined) {
      record = {
        failures: 0,
        failedProbes: 0,
        ejections: 0,
        down: false,
        until: undefined,
        unreachable: false,
        restUntil: 0,
        asleep: false,
      };
      this.#records.set(endpoint, record);
    }
    if (record.until !== undefined && this.state(endpoint) === "healthy") {
      record.until = undefined;
      record.ejections = 0;
    }
    return record;
  }

  #tell(endpoint: string, why: string): void {
    this.#options.onChange?.(endpoint, this.state(endpoint), why);
  }
}
