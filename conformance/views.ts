/** The witnesses as one case sees them. */
import { messageOf, UnavailableError } from "../service/mod.ts";
import { plainPath } from "./client/way_in.ts";
import type {
  EnvoyEvidence,
  EnvoyRecord,
  PolicyAnswer,
  PolicyControl,
  PolicyRecord,
  Target,
  UpstreamControl,
  UpstreamRecord,
  UpstreamReply,
  UpstreamStep,
  WaitOptions,
  Witness,
} from "./target.ts";
import { Awaited, NotJudged } from "./verdict/verdict.ts";

/** Translation between the paths that a case asks for and those that the witnesses see. */
export type Way = Pick<Target, "url" | "marksPath">;

/** The upstream as one case sees it: only its own nonce. */
export class UpstreamView {
  readonly #upstream: UpstreamControl;
  readonly #nonce: string;
  readonly #wait: WaitOptions;
  readonly #way: Way;

  constructor(
    upstream: UpstreamControl,
    nonce: string,
    { wait, way }: { wait: WaitOptions; way: Way },
  ) {
    this.#upstream = upstream;
    this.#nonce = nonce;
    this.#wait = wait;
    this.#way = way;
  }

  /** Sets what the upstream does when a request with this nonce comes. */
  script(...steps: UpstreamStep[]): void {
    this.#upstream.scripts.set(this.#nonce, { steps });
  }

  /** As `script`, but the answer does not wait for the whole request body. */
  scriptEarly(...steps: UpstreamStep[]): void {
    this.#upstream.scripts.set(this.#nonce, { early: true, steps });
  }

  /** Sets a whole answer, in whatever dialect the upstream is asked in. */
  reply(reply: UpstreamReply): void {
    this.#upstream.scripts.set(this.#nonce, reply);
  }

  /** Returns the requests seen so far. */
  requests(): UpstreamRecord[] {
    return this.#upstream.journal.entries().filter((entry) => entry.nonce === this.#nonce)
      .map((entry) => asAsked(entry, this.#way));
  }

  /** Resolves with the first request that satisfies the predicate. */
  async request(
    what = "request at the upstream",
    predicate: (entry: UpstreamRecord) => boolean = () => true,
    options: WaitOptions = {},
  ): Promise<UpstreamRecord> {
    const found = await awaitEntry(what, {
      journal: this.#upstream.journal,
      predicate: (entry) => entry.nonce === this.#nonce && predicate(entry),
      wait: { ...this.#wait, ...options },
      seen: () => this.requests().map(describeUpstream).join("; ") || "no request",
    });
    return asAsked(found, this.#way);
  }

  /** Lets the upstream pass one barrier of the script. */
  release(name: string): void {
    this.#upstream.barriers.release(`${this.#nonce}/${name}`);
  }

  /** Resolves when the upstream stands at a barrier. */
  arrival(name: string, options: WaitOptions & { count?: number } = {}): Promise<void> {
    const full = `${this.#nonce}/${name}`;
    return awaitBarrier(
      `upstream at barrier "${name}"`,
      () => this.#upstream.barriers.arrival(full, { ...this.#wait, ...options }),
    );
  }
}

/** The policy engine as one case sees it. */
export class PolicyView {
  readonly #policy: PolicyControl;
  readonly #nonce: string;
  readonly #wait: WaitOptions;
  readonly #way: Way;
  readonly #onHold: () => void;

  constructor(
    policy: PolicyControl,
    nonce: string,
    options: { wait: WaitOptions; way: Way; onHold: () => void },
  ) {
    this.#policy = policy;
    this.#nonce = nonce;
    this.#wait = options.wait;
    this.#way = options.way;
    this.#onHold = options.onHold;
  }

  /** Sets the answers for this nonce, in order; the last one repeats. */
  script(...answers: PolicyAnswer[]): void {
    if (answers.some(({ barrier }) => barrier !== undefined)) this.#onHold();
    this.#policy.scripts.set(this.#nonce, answers);
  }

  /** Returns the Check calls seen so far. */
  checks(): PolicyRecord[] {
    return this.#policy.journal.entries().filter((entry) => entry.nonce === this.#nonce)
      .map((entry) => checkAsAsked(entry, this.#way));
  }

  /** Resolves with the first Check call that satisfies the predicate. */
  async check(
    what = "Check call at the policy engine",
    predicate: (entry: PolicyRecord) => boolean = () => true,
    options: WaitOptions = {},
  ): Promise<PolicyRecord> {
    const found = await awaitEntry(what, {
      journal: this.#policy.journal,
      predicate: (entry) => entry.nonce === this.#nonce && predicate(entry),
      wait: { ...this.#wait, ...options },
      seen: () => this.checks().map(describePolicy).join("; ") || "no Check call",
    });
    return checkAsAsked(found, this.#way);
  }

  /** Lets one answer pass its barrier. */
  release(name: string): void {
    this.#policy.barriers.release(`${this.#nonce}/${name}`);
  }

  /** Resolves when an answer stands at a barrier. */
  arrival(name: string, options: WaitOptions & { count?: number } = {}): Promise<void> {
    const full = `${this.#nonce}/${name}`;
    return awaitBarrier(
      `policy engine at barrier "${name}"`,
      () => this.#policy.barriers.arrival(full, { ...this.#wait, ...options }),
    );
  }

  /** Stops the policy engine; only in an exclusive case. */
  close(): Promise<void> {
    return this.#policy.close();
  }

  /** Brings it back on the same port. */
  reopen(): Promise<void> {
    return this.#policy.reopen();
  }
}

/** Envoy's own evidence. */
export class EnvoyView {
  readonly #envoy: EnvoyEvidence;
  readonly #wait: WaitOptions;

  constructor(envoy: EnvoyEvidence, wait: WaitOptions) {
    this.#envoy = envoy;
    this.#wait = wait;
  }

  get version(): string {
    return this.#envoy.version;
  }

  /** Whether the access log can be read. */
  get hasAccessLog(): boolean {
    return this.#envoy.accessLog !== undefined;
  }

  /** Returns the counters and gauges whose name matches. */
  stats(filter?: string): Promise<Record<string, number>> {
    return this.#envoy.stats(filter);
  }

  /** Resolves with the access log line of a request. */
  line(requestId: string): Promise<EnvoyRecord> {
    const journal = this.#envoy.accessLog;
    if (!journal) throw new NotJudged("not-measured", "Envoy's access log is not readable");
    return awaitEntry(`access log line of ${requestId}`, {
      journal,
      predicate: (entry) => entry.requestId === requestId,
      wait: this.#wait,
      seen: () => "no such line",
    });
  }

  /** Returns every line of one request. */
  lines(requestId: string): EnvoyRecord[] {
    const entries = this.#envoy.accessLog?.entries() ?? [];
    return entries.filter((entry) => entry.requestId === requestId);
  }

  /** Returns all logs as text. */
  async logs(): Promise<string> {
    if (!this.#envoy.logs) throw new NotJudged("not-measured", "Envoy's logs are not readable");
    return await this.#envoy.logs();
  }

  /** Returns bytes allocated by Envoy. */
  async memory(): Promise<number> {
    if (!this.#envoy.memory) throw new NotJudged("not-measured", "Envoy's memory is not readable");
    return await this.#envoy.memory();
  }
}

/** A request at the upstream with the path that the case asked for. */
export function asAsked(entry: UpstreamRecord, way: Way): UpstreamRecord {
  const target = plainPath(way, entry.target);
  return target === entry.target ? entry : { ...entry, target };
}

/** A Check call with the path that the case asked for. */
export function checkAsAsked(entry: PolicyRecord, way: Way): PolicyRecord {
  const path = plainPath(way, entry.path);
  return path === entry.path ? entry : { ...entry, path };
}

/** Says in a few words what the upstream did. */
export function describeUpstream(entry: UpstreamRecord): string {
  const end = entry.end ? `ended ${entry.end}` : "still open";
  return `${entry.method} ${entry.target}, ${entry.bodyBytes} body bytes, ` +
    `${entry.bytesWritten} bytes written, ${end}`;
}

/** Says in a few words what the policy engine did. */
export function describePolicy(entry: PolicyRecord): string {
  const state = entry.cancelledAt !== undefined ? "cancelled" : entry.decision ?? "not answered";
  return `${entry.method} ${entry.path}: ${state}`;
}

async function awaitEntry<T>(what: string, options: {
  journal: Witness<T>;
  predicate: (entry: T) => boolean;
  wait: WaitOptions;
  seen: () => string;
}): Promise<T> {
  try {
    return await options.journal.waitFor(options.predicate, options.wait);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    const ms = Math.round(options.wait.deadlineMs ?? 0);
    throw new Awaited(what, `not within ${ms} ms: ${options.seen()}`);
  }
}

async function awaitBarrier(what: string, wait: () => Promise<void>): Promise<void> {
  try {
    await wait();
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    throw new Awaited(what, messageOf(error));
  }
}
