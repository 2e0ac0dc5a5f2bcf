/** Asks each host the same thing again and again, for as long as it is among the hosts. */
import { deadlineSignal, delay, type Log, messageOf } from "../../service/mod.ts";
import { directGet, readAll, type TlsTrust } from "../../http1/mod.ts";
import { type BackendHost, credentialOf, urlOf } from "../hosts.ts";

/** Options of {@linkcode HostPoll}. */
export interface HostPollOptions<T> {
  /** Asks one host; must end when the signal aborts, and may throw then. */
  ask(host: BackendHost, signal: AbortSignal): Promise<T>;
  /** Called with each answer, unless the host has gone meanwhile. */
  onAnswer(host: BackendHost, answer: T): void;
  /** Milliseconds between an answer and the next question. */
  readonly intervalMs: number;
  /** Hears of a fault of our own, which ends the questions to that host. */
  readonly log?: Log;
  /** Waits between two questions; for tests. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** A loop for each host. Disposing it ends all of them and waits for their end. */
export class HostPoll<T> implements AsyncDisposable {
  readonly #options: HostPollOptions<T>;
  readonly #asked = new Map<string, AbortController>();
  readonly #loops = new Set<Promise<void>>();

  constructor(options: HostPollOptions<T>) {
    this.#options = options;
  }

  /** Starts to ask those that are new, and stops to ask those that went. */
  follow(hosts: readonly BackendHost[]): void {
    const wanted = new Set(hosts.map(({ endpoint }) => endpoint));
    for (const [endpoint, stop] of this.#asked) {
      if (wanted.has(endpoint)) continue;
      stop.abort();
      this.#asked.delete(endpoint);
    }
    for (const host of hosts) {
      if (this.#asked.has(host.endpoint)) continue;
      const stop = new AbortController();
      this.#asked.set(host.endpoint, stop);
      const loop = this.#loop(host, stop.signal);
      this.#loops.add(loop);
      loop.catch((error) =>
        this.#options.log?.(`${host.endpoint} is asked no more: ${messageOf(error)}`)
      )
        .finally(() => this.#loops.delete(loop)).catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.follow([]);
    await Promise.all(this.#loops);
  }

  async #loop(host: BackendHost, signal: AbortSignal): Promise<void> {
    const { ask, onAnswer, intervalMs, wait = delay } = this.#options;
    while (!signal.aborted) {
      try {
        const answer = await ask(host, signal);
        if (signal.aborted) return;
        onAnswer(host, answer);
        await wait(intervalMs, signal);
      } catch (error) {
        // What ends otherwise than by its signal is our own fault, and must not end unseen.
        if (!signal.aborted) throw error;
      }
    }
  }
}

/** An answer in time, or why there was none. */
export type HostAnswer =
  | { readonly kind: "answer"; readonly status: number; readonly text: string }
  | { readonly kind: "silent"; readonly why: string };

/** Options of {@linkcode getFromHost}. */
export interface HostGet {
  readonly path: string;
  readonly tls?: TlsTrust | undefined;
  /** Milliseconds for the whole answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Longest answer of a host that is read: vLLM's metrics have some 50 KiB. */
const MAX_TEXT = 1_048_576;

/** Sends a GET to a host, past Envoy, and returns its whole answer. Never throws. */
export async function getFromHost(host: BackendHost, get: HostGet): Promise<HostAnswer> {
  const signal = deadlineSignal(get.timeoutMs, get.signal);
  try {
    const answer = await directGet(urlOf(host, get.path), {
      address: host.host,
      signal,
      headers: credentialOf(host),
      ...(get.tls === undefined ? {} : { tls: get.tls }),
    });
    return { kind: "answer", status: answer.status, text: await readAll(answer, MAX_TEXT) };
  } catch (error) {
    return { kind: "silent", why: messageOf(error) };
  }
}
