/** Hosts that are named on the command line: resolved to addresses, again and again. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { delay, hostPort, type Log, messageOf, silent } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import { HostList, type HostSource } from "./host_source.ts";
import { ModelBook } from "./model_book.ts";

/** Options of {@linkcode startStaticDiscovery}. */
export interface StaticDiscoveryOptions {
  /** As `parseHosts()` reads them. */
  readonly hosts: readonly BackendHost[];
  /** Ask hosts whose models were not given for their `/v1/models`; off unless told otherwise. */
  readonly readModels?: boolean;
  /** Roots for hosts with TLS, PEM; the system's when left out. */
  readonly ca?: string;
  /** Milliseconds between two looks at names; 5,000, Envoy's own interval, when left out. */
  readonly resolveMs?: number;
  /** Milliseconds between two looks at `/v1/models`; 30,000 when left out. */
  readonly modelsMs?: number;
  /** Every address of a name; the system's resolver when left out. */
  readonly resolve?: (name: string) => Promise<readonly string[]>;
  readonly log?: Log;
}

const RESOLVE_MS = 5_000;
const MODELS_MS = 30_000;
const MODELS_RETRY_MS = 500;

/**
 * Follows the addresses of named hosts: each address of a name is a host. Resolves when each name
 * was looked up, and each host asked for its models, once; a name that is not found, or a host that
 * does not answer, is told to `log` and tried again.
 */
export async function startStaticDiscovery(options: StaticDiscoveryOptions): Promise<HostSource> {
  const discovery = new StaticDiscovery(options);
  await discovery.start();
  return discovery;
}

class StaticDiscovery extends HostList {
  readonly #options: StaticDiscoveryOptions;
  readonly #log: Log;
  readonly #book: ModelBook;
  readonly #end = new AbortController();
  /** The last addresses of each name: what a resolver forgets for a moment is not lost. */
  readonly #addresses = new Map<string, readonly string[]>();
  readonly #complaints = new Map<string, string>();
  #found: readonly BackendHost[] = [];
  #loop: Promise<void> = Promise.resolve();

  constructor(options: StaticDiscoveryOptions) {
    super();
    this.#options = options;
    this.#log = options.log ?? silent;
    this.#book = new ModelBook({
      tls: options.ca === undefined ? undefined : { ca: options.ca },
      onChange: () => this.#show(),
      log: this.#log,
      againMs: options.modelsMs ?? MODELS_MS,
      retryMs: MODELS_RETRY_MS,
    });
  }

  async start(): Promise<void> {
    await this.#look();
    // Addresses do not move; names do.
    if (this.#options.hosts.some(({ host }) => isIP(host) === 0)) this.#loop = this.#again();
  }

  async #again(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await delay(this.#options.resolveMs ?? RESOLVE_MS, signal).catch(() => {});
      if (!signal.aborted) await this.#look();
    }
  }

  async #look(): Promise<void> {
    const found = await Promise.all(this.#options.hosts.map((host) => this.#resolved(host)));
    // Two names of one address are one host: the first of them.
    this.#found = [...new Map(found.flat().reverse().map((host) => [host.endpoint, host])).values()]
      .reverse();
    const asking = this.#options.readModels
      ? this.#book.follow(this.#found.filter(({ models }) => models === undefined))
      : Promise.resolve();
    await asking;
    this.#show();
  }

  #show(): void {
    // A host that does not say what it serves is asked for anything; its errors tell the rest.
    this.replace(this.#found.map((host) => this.#book.of(host) ?? host));
  }

  async #resolved(host: BackendHost): Promise<BackendHost[]> {
    const addresses = await this.#addressesOf(host.host);
    return addresses.map((address) => ({
      ...host,
      host: address,
      endpoint: hostPort(address, host.port),
      hostname: host.hostname ?? hostPort(host.host, host.port),
    }));
  }

  async #addressesOf(name: string): Promise<readonly string[]> {
    if (isIP(name) !== 0) return [name];
    const resolve = this.#options.resolve ?? systemAddresses;
    try {
      const addresses = [...new Set(await resolve(name))].sort();
      if (addresses.length === 0) throw new Error("it has no address");
      this.#addresses.set(name, addresses);
      this.#complaints.delete(name);
    } catch (error) {
      const line = `Cannot resolve the host "${name}": ${messageOf(error)}`;
      if (this.#complaints.get(name) !== line) this.#log(line);
      this.#complaints.set(name, line);
    }
    return this.#addresses.get(name) ?? [];
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#book[Symbol.asyncDispose]();
    await this.#loop;
    await super[Symbol.asyncDispose]();
  }
}

/** Not every machine that has an IPv6 address can reach anything with it: IPv4 where there is any. */
async function systemAddresses(name: string): Promise<readonly string[]> {
  const all = await lookup(name, { all: true });
  const v4 = all.filter(({ family }) => family === 4);
  return (v4.length > 0 ? v4 : all).map(({ address }) => address);
}
