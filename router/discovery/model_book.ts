/** Which models each host serves, asked again now and then. */
import { delay, type Log } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import type { TlsTrust } from "../../http1/mod.ts";
import { type ModelAnswer, readModels } from "./model_list.ts";

/** Options of {@linkcode ModelBook}. */
export interface ModelBookOptions {
  /** Roots for hosts with TLS; the system's when left out. */
  readonly tls?: TlsTrust | undefined;
  /** Called after a host said something new. */
  readonly onChange: () => void;
  readonly log: Log;
  /** Milliseconds until a host that answered is asked again; a model may be loaded at run time. */
  readonly againMs: number;
  /** Milliseconds until one that did not answer is asked again; doubles up to `againMs`. */
  readonly retryMs: number;
}

/** State of one host. */
interface Page {
  readonly watch: AbortController;
  readonly first: Promise<void>;
  /** Undefined for a host that serves whatever it is asked for. */
  models: ReadonlySet<string> | undefined;
  known: boolean;
}

/** Asks each host for its models for as long as it is among the hosts. */
export class ModelBook implements AsyncDisposable {
  readonly #options: ModelBookOptions;
  readonly #pages = new Map<string, Page>();
  readonly #loops = new Set<Promise<void>>();
  #ended = false;

  constructor(options: ModelBookOptions) {
    this.#options = options;
  }

  /** Starts to ask those that are new, and stops to ask the others. Returns when each new one answered, or failed to, once. */
  async follow(hosts: readonly BackendHost[]): Promise<void> {
    if (this.#ended) return;
    const wanted = new Map(hosts.map((host) => [host.endpoint, host]));
    for (const [endpoint, { watch }] of this.#pages) {
      if (wanted.has(endpoint)) continue;
      watch.abort();
      this.#pages.delete(endpoint);
    }
    const fresh = [...wanted.values()].filter(({ endpoint }) => !this.#pages.has(endpoint));
    await Promise.all(fresh.map((host) => this.#open(host)));
  }

  /** The host with its models; undefined as long as it has not said anything. */
  of(host: BackendHost): BackendHost | undefined {
    const page = this.#pages.get(host.endpoint);
    return page?.known ? { ...host, models: page.models } : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    for (const { watch } of this.#pages.values()) watch.abort();
    this.#pages.clear();
    await Promise.all(this.#loops);
  }

  #open(host: BackendHost): Promise<void> {
    const first = Promise.withResolvers<void>();
    const watch = new AbortController();
    const page: Page = { watch, first: first.promise, models: undefined, known: false };
    this.#pages.set(host.endpoint, page);
    const loop = this.#ask(host, page, first.resolve);
    this.#loops.add(loop);
    const forget = () => this.#loops.delete(loop);
    loop.then(forget, forget);
    return first.promise;
  }

  async #ask(host: BackendHost, page: Page, answered: () => void): Promise<void> {
    const { tls, log, againMs, retryMs } = this.#options;
    const { signal } = page.watch;
    let wait = retryMs;
    let said = "";
    while (!signal.aborted) {
      const answer = await readModels(host, { tls, signal });
      if (signal.aborted) break;
      if (answer.kind === "silent") {
        const line = `Cannot read the models of ${host.endpoint}: ${answer.why}`;
        if (line !== said) log(line);
        said = line;
      } else {
        const line = toldOf(host, answer);
        if (line !== undefined && line !== said) log(line);
        said = line ?? "";
        this.#note(page, servedBy(answer));
      }
      answered();
      wait = answer.kind === "silent" ? Math.min(wait * 2, againMs) : againMs;
      await delay(wait, signal).catch(() => {});
    }
    answered();
  }

  #note(page: Page, models: ReadonlySet<string> | undefined): void {
    if (page.known && sameModels(page.models, models)) return;
    page.models = models;
    page.known = true;
    this.#options.onChange();
  }
}

const NOTHING: ReadonlySet<string> = new Set();

/** Models that a host may be asked for; undefined for every one. */
function servedBy(answer: Exclude<ModelAnswer, { kind: "silent" }>) {
  if (answer.kind === "models") return answer.models;
  return answer.kind === "locked" ? NOTHING : undefined;
}

function toldOf(
  { endpoint, key }: BackendHost,
  answer: Exclude<ModelAnswer, { kind: "silent" }>,
): string | undefined {
  if (answer.kind === "models") return undefined;
  const says = `${endpoint} does not list its models (${answer.why})`;
  if (answer.kind === "unsaid") return `${says}: any is sent to it`;
  return key === undefined
    ? `${says}: nothing is sent to it until --host-key-envs names its key, or --static-models says what it serves`
    : `${says}: nothing is sent to it: its key is not the right one`;
}

function sameModels(
  one: ReadonlySet<string> | undefined,
  other: ReadonlySet<string> | undefined,
): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.size === other.size && one.isSubsetOf(other);
}
