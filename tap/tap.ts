/** A tap: an external processor in Envoy's observability mode, which is told what passes and says nothing. */
import { decodePhase } from "../ext_proc/mod.ts";
import { type BidiCall, type GrpcServer, startGrpcServer } from "../grpc/mod.ts";
import { type Log, metricsText, silent } from "../service/mod.ts";
import { EXTERNAL_PROCESSOR } from "../ext_proc/mod.ts";
import { Kept } from "./kept.ts";

/** Options of `startTap`. */
export interface TapOptions {
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port?: number;
  /** Secret by which Envoy proves itself; everybody on the machine may tell something without it. */
  readonly peerSecret?: string | undefined;
  readonly log?: Log;
}

/** A running tap. */
export interface Tap extends AsyncDisposable {
  readonly port: number;
  readonly address: string;
  /** The requests that are kept, oldest first. */
  entries(): Iterable<Kept>;
  /** Calls `listener` with each request of which something passed for the first time, until disposed. */
  subscribe(listener: (kept: Kept) => void): Disposable;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/** Requests, and characters of all of them, that are kept. */
const REQUESTS_LIMIT = 2_000;
const SIZE_LIMIT = 64 * 1024 * 1024;

/** Starts a tap and resolves when it listens. */
export async function startTap(options: TapOptions = {}): Promise<Tap> {
  const keep = new Keep();
  const server: GrpcServer = await startGrpcServer({
    host: options.host ?? "127.0.0.1",
    port: options.port ?? 0,
    peerSecret: options.peerSecret,
    services: [{
      name: EXTERNAL_PROCESSOR,
      methods: { Process: { bidi: (call) => follow(call, keep) } },
    }],
    log: options.log ?? silent,
  });
  return {
    port: server.port,
    address: server.address,
    entries: () => keep.entries(),
    subscribe: (listener) => keep.subscribe(listener),
    metrics: () => Promise.resolve(keep.metrics()),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Reads one request as Envoy tells it. Nothing is answered: in observability mode nobody waits. */
async function follow(call: BidiCall, keep: Keep): Promise<void> {
  let kept: Kept | undefined;
  try {
    for await (const bytes of call.messages) {
      const message = decodePhase(bytes);
      switch (message.phase) {
        case "request_headers": {
          const id = message.headers.find(([name]) => name === "x-request-id")?.[1];
          if (id !== undefined) kept = keep.open(id);
          break;
        }
        case "request_body":
          kept?.ask(message.body, message.endOfStream);
          break;
        case "response_headers": {
          const value = (wanted: string) =>
            message.headers.find(([name]) => name === wanted)?.[1] ?? "";
          kept?.head(Number(value(":status")), value("content-type"));
          if (message.endOfStream) kept?.end();
          break;
        }
        case "response_body":
          kept?.answer(message.body, message.endOfStream);
          break;
      }
    }
  } catch {
    // A client that left, or an Envoy that ended: what came so far is kept.
  } finally {
    kept?.end();
  }
}

/** The requests that are kept: the newest, within a bound of number and size. */
class Keep {
  readonly #kept = new Map<string, Kept>();
  readonly #listeners = new Set<(kept: Kept) => void>();
  #seen = 0;
  #gone = 0;

  open(id: string): Kept {
    const kept = new Kept(id);
    this.#seen++;
    this.#kept.delete(id);
    this.#kept.set(id, kept);
    this.#bound();
    for (const listener of this.#listeners) listener(kept);
    return kept;
  }

  entries(): Iterable<Kept> {
    return this.#kept.values();
  }

  subscribe(listener: (kept: Kept) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  metrics(): string {
    return metricsText([
      {
        name: "llmgate_tap_requests_total",
        help: "Requests that the tap was told of.",
        kind: "counter",
        samples: [{ value: this.#seen }],
      },
      {
        name: "llmgate_tap_forgotten_total",
        help: "Requests that went for newer ones.",
        kind: "counter",
        samples: [{ value: this.#gone }],
      },
    ]);
  }

  /** Looked at once for each request: what runs may grow by its own bound meanwhile. */
  #bound(): void {
    let size = 0;
    // Summing two thousand numbers costs microseconds; one in a hundred requests does it.
    if (this.#seen % 100 === 0) { for (const { size: one } of this.#kept.values()) size += one; }
    for (const [id, one] of this.#kept) {
      if (this.#kept.size <= REQUESTS_LIMIT && size <= SIZE_LIMIT) break;
      this.#kept.delete(id);
      size -= one.size;
      this.#gone++;
    }
  }
}
