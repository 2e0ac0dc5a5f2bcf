/** The mock backends of a router as one upstream: whichever of them is chosen plays the same part. */
import { Barriers, loadModule, type Log } from "../service/mod.ts";
import type { ControlledUpstream, Upstream, UpstreamExchange } from "../upstream/mod.ts";
import { startTogether } from "./start_together.ts";

/** Settings that the backends of a pool share. */
export interface BackendPoolOptions {
  readonly host: string;
  /** One backend for each; 0 picks a free port. */
  readonly ports: readonly number[];
  readonly scenarios?: string | undefined;
  readonly journalLimit: number;
  readonly log: Log;
}

/** Running mock backends. A script is set on all of them, and a barrier's release reaches any. */
export interface BackendPool extends ControlledUpstream, AsyncDisposable {
  readonly backends: readonly Upstream[];
  /** URLs of all, joined by commas. */
  readonly url: string;
}

/**
 * Starts the backends and resolves when all listen.
 *
 * @throws {UsageError} for scenarios that cannot be used
 * @throws {UnavailableError} when a port is taken
 */
export async function startBackendPool(options: BackendPoolOptions): Promise<BackendPool> {
  const { host, ports, scenarios, journalLimit, log } = options;
  const { startUpstream } = await loadModule<typeof import("../upstream/mod.ts")>(
    "upstream/mod.ts",
  );
  const barriers = new Barriers();
  await using stack = new AsyncDisposableStack();
  const backends = await startTogether(
    stack,
    ports.map((port) =>
      startUpstream({
        host,
        port,
        journalLimit,
        log,
        barriers,
        ...(scenarios === undefined ? {} : { scenarios }),
      })
    ),
  );
  const owned = stack.move();
  return {
    backends,
    url: backends.map(({ url }) => url).join(","),
    journal: joinJournals(backends),
    barriers,
    scripts: {
      set: (id, script) => backends.forEach(({ scripts }) => scripts.set(id, script)),
      delete: (id) => backends.map(({ scripts }) => scripts.delete(id)).includes(true),
      get: (id) => backends[0]?.scripts.get(id),
      ids: () => backends[0]?.scripts.ids() ?? [],
    },
    scenarios: {
      set: (name, scenario) => backends.forEach(({ scenarios }) => scenarios.set(name, scenario)),
      delete: (name) => backends.map(({ scenarios }) => scenarios.delete(name)).includes(true),
      names: () => backends[0]?.scenarios.names() ?? [],
      clear: () => backends.forEach(({ scenarios }) => scenarios.clear()),
    },
    reset: (nonce) => backends.forEach((backend) => backend.reset(nonce)),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** One journal of all backends: entries in the order in which they came. */
function joinJournals(backends: readonly Upstream[]): ControlledUpstream["journal"] {
  const journals = backends.map(({ journal }) => journal);
  const entries = (): readonly UpstreamExchange[] =>
    journals.flatMap((journal) => journal.entries()).sort((a, b) => a.receivedAt - b.receivedAt);
  return {
    entries,
    clear: (predicate) => journals.forEach((journal) => journal.clear(predicate)),
    get dropped() {
      return journals.reduce((sum, { dropped }) => sum + dropped, 0);
    },
    async waitFor(predicate, options = {}) {
      const found = new AbortController();
      const signal = options.signal === undefined
        ? found.signal
        : AbortSignal.any([options.signal, found.signal]);
      const waits = journals.map((journal) => journal.waitFor(predicate, { ...options, signal }));
      try {
        return await Promise.any(waits);
      } catch (error) {
        // All of them waited in vain, for one and the same reason.
        throw error instanceof AggregateError ? error.errors[0] : error;
      } finally {
        found.abort();
      }
    },
  };
}
