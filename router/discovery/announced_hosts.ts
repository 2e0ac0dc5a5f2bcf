/** Hosts that Envoy knows: what is discovered is announced before it is chosen. */
import { delay, type Log, messageOf, silent } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import type { EndpointSink } from "./assignment.ts";
import { HostList, type HostSource } from "./host_source.ts";

/**
 * How long Envoy keeps a host that is no longer chosen, in milliseconds: a request for which it was
 * chosen a moment before must still find it. More than the router may take to answer (2 s).
 */
const LINGER_MS = 5_000;

/** A host that was lost, with the timer that takes it from Envoy. */
interface Lingering {
  readonly host: BackendHost;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Options of {@linkcode announceHosts}. */
export interface AnnounceOptions {
  readonly source: HostSource;
  readonly sinks: readonly EndpointSink[];
  /** 5,000 when left out. */
  readonly lingerMs?: number;
  /**
   * Milliseconds that a new host waits after the sinks have taken it; 0 when left out. For Envoys
   * that ask another replica of the router for endpoints than for decisions.
   */
  readonly settleMs?: number;
  readonly log?: Log;
}

/**
 * Announces the hosts of a source, and returns them as a source of its own that is behind by the
 * announcement: a new host is there once every sink has taken it, a lost one is gone at once, and
 * taken from the sinks later. Resolves when the first hosts are announced.
 *
 * @throws {UnavailableError} when they cannot be
 */
export async function announceHosts(options: AnnounceOptions): Promise<HostSource> {
  const announced = new AnnouncedHosts(options);
  await announced.start();
  return announced;
}

class AnnouncedHosts extends HostList {
  readonly #source: HostSource;
  readonly #sinks: readonly EndpointSink[];
  readonly #lingerMs: number;
  readonly #settleMs: number;
  readonly #end = new AbortController();
  readonly #log: Log;
  readonly #listening: Disposable;
  /** By endpoint. */
  readonly #lingering = new Map<string, Lingering>();
  #work: Promise<void> | undefined;
  #stale = false;

  constructor(options: AnnounceOptions) {
    const { source, sinks, lingerMs = LINGER_MS, settleMs = 0, log = silent } = options;
    super();
    this.#source = source;
    this.#sinks = sinks;
    this.#lingerMs = lingerMs;
    this.#settleMs = settleMs;
    this.#log = log;
    this.#listening = source.onChange((hosts) => this.#changed(hosts));
  }

  async start(): Promise<void> {
    const { hosts } = this.#source;
    await this.#publish(hosts);
    this.replace(hosts);
    if (this.#source.hosts !== hosts) this.#changed(this.#source.hosts);
  }

  #changed(hosts: readonly BackendHost[]): void {
    if (this.#end.signal.aborted) return;
    const wanted = new Set(hosts.map(({ endpoint }) => endpoint));
    for (const host of this.hosts) if (!wanted.has(host.endpoint)) this.#linger(host);
    for (const endpoint of wanted) this.#return(endpoint);
    // What is known already is in force at once: models that changed, hosts that went.
    const known = new Set(this.hosts.map(({ endpoint }) => endpoint));
    this.replace(hosts.filter(({ endpoint }) => known.has(endpoint)));
    this.#announce();
  }

  #linger(host: BackendHost): void {
    const timer = setTimeout(() => {
      this.#lingering.delete(host.endpoint);
      this.#announce();
    }, this.#lingerMs);
    this.#lingering.set(host.endpoint, { host, timer });
  }

  #return(endpoint: string): void {
    clearTimeout(this.#lingering.get(endpoint)?.timer);
    this.#lingering.delete(endpoint);
  }

  /** One announcement at a time; what changes meanwhile is in the next one. */
  #announce(): void {
    this.#stale = true;
    this.#work ??= (async () => {
      while (this.#stale && !this.#end.signal.aborted) {
        this.#stale = false;
        const { hosts } = this.#source;
        try {
          await this.#publish(hosts);
        } catch (error) {
          this.#log(`${messageOf(error)}\nEnvoy keeps the hosts it had`);
          continue;
        }
        await this.#settle(hosts);
        if (!this.#end.signal.aborted && hosts === this.#source.hosts) this.replace(hosts);
      }
      this.#work = undefined;
    })();
  }

  async #settle(hosts: readonly BackendHost[]): Promise<void> {
    const known = new Set(this.hosts.map(({ endpoint }) => endpoint));
    if (this.#settleMs === 0 || hosts.every(({ endpoint }) => known.has(endpoint))) return;
    await delay(this.#settleMs, this.#end.signal).catch(() => {});
  }

  async #publish(hosts: readonly BackendHost[]): Promise<void> {
    const lingering = [...this.#lingering.values()].map(({ host }) => host);
    const all = [...hosts, ...lingering];
    await Promise.all(this.#sinks.map((sink) => sink.publish(all)));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#listening[Symbol.dispose]();
    for (const { timer } of this.#lingering.values()) clearTimeout(timer);
    this.#lingering.clear();
    await this.#work;
    await super[Symbol.asyncDispose]();
  }
}
