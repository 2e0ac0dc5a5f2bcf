/** The limits service: envoy.service.ratelimit.v3 over gRPC, with a file of limits and counters that last. */
import { GRPC_STATUS, GrpcError, type GrpcServer, startGrpcServer } from "../grpc/mod.ts";
import {
  hostPort,
  Journal,
  listenLasting,
  loadModule,
  type Log,
  messageOf,
  metricsText,
  readTextFile,
  silent,
  UnavailableError,
  UsageError,
  watchFile,
} from "../service/mod.ts";
import { codeOf, quotaHeaders, refusalBody, refusing, remaining } from "./answer.ts";
import type { CounterStore } from "./counters/store.ts";
import type { LimitsDecision } from "./decision.ts";
import { createLimiter, type Limiter, type Outcome, refusalOf } from "./limiter.ts";
import type { LimitsFile } from "./limits_schema.ts";
import { startCounters } from "./counters/start.ts";
import { LimitsMetrics } from "./metrics.ts";
import { DEFAULT_LIMITS } from "./default_limits.ts";
import { type Asked, decodeAsked, type DescriptorStatus, encodeAnswer } from "./wire.ts";

/** Options of {@linkcode startLimits}. */
export interface LimitsOptions {
  /** Interface to listen on; `127.0.0.1` unless told otherwise. */
  readonly host?: string;
  /** Port to listen on; 0, the default, picks a free one. */
  readonly port?: number;
  /** Limits as YAML; the built-in `limits.yaml` when neither this nor `limitsFile` is given. */
  readonly limits?: string;
  /** Limits as a file, read again whenever it changes. */
  readonly limitsFile?: string;
  /** Reads the environment, for `redis_env`. */
  readonly env?: (name: string) => string | undefined;
  /** Lines about limits being loaded or refused. */
  readonly log?: Log;
  /** Called for each question and each charge. */
  readonly onDecision?: (decision: LimitsDecision) => void;
  /** Entries that the journal keeps; 10,000 unless told otherwise. */
  readonly journalLimit?: number;
  /** The time in milliseconds since 1970; the system's clock unless told otherwise. */
  readonly now?: () => number;
}

/** A running limits service. */
export interface Limits extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Where the counters are: `memory`, a file, or a server. */
  readonly place: string;
  /** Decisions, newest last. */
  readonly journal: Journal<LimitsDecision>;
  /** Holds every answer back until the result is disposed: a service that is slow. */
  hold(): Disposable;
  /** Replaces the limits by YAML, or reads the file again. Throws `UsageError`; the old limits then stay. */
  reload(limits?: string): Promise<void>;
  /** Closes the listener and every connection; limits and counters stay. */
  close(): Promise<void>;
  /** Listens again on the same port. */
  reopen(): Promise<void>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/** The service's full name, for health and reflection. */
export const RATE_LIMIT_SERVICE = "envoy.service.ratelimit.v3.RateLimitService";

const JOURNAL_LIMIT = 10_000;

/**
 * Starts a limits service and resolves when it listens.
 *
 * @throws {UsageError} for limits that cannot be read
 * @throws {UnavailableError} when the counters cannot be kept where the limits say
 */
export async function startLimits(options: LimitsOptions = {}): Promise<Limits> {
  const service = new LimitsService(options);
  await service.start();
  return service;
}

class LimitsService implements Limits {
  readonly journal: Journal<LimitsDecision>;
  readonly host: string;
  port: number;
  readonly #options: LimitsOptions;
  readonly #log: Log;
  #isBroken = false;
  readonly #now: () => number;
  readonly #metrics = new LimitsMetrics();
  readonly #stack = new AsyncDisposableStack();
  #limiter: Limiter | undefined;
  #counters: CounterStore | undefined;
  #server: GrpcServer | undefined;
  #held: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(options: LimitsOptions) {
    this.#options = options;
    this.#log = options.log ?? silent;
    this.#now = options.now ?? Date.now;
    this.host = options.host ?? "127.0.0.1";
    this.port = options.port ?? 0;
    this.journal = new Journal({ limit: options.journalLimit ?? JOURNAL_LIMIT });
  }

  async start(): Promise<void> {
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this[Symbol.asyncDispose]());
    const { limitsFile, limits, env = () => undefined } = this.#options;
    const file = await this.#read(limits);
    this.#counters = this.#stack.use(
      await startCounters(file, {
        limitsFile: limits === undefined ? limitsFile : undefined,
        env,
        now: this.#now,
      }),
    );
    this.#limiter = createLimiter(file, this.#counters);
    if (this.port === 0) {
      await listenLasting(this.host, (port) => {
        this.port = port;
        return this.reopen();
      });
    } else await this.reopen();
    this.#stack.defer(() => this.close());
    if (limitsFile !== undefined && limits === undefined) {
      this.#stack.use(watchFile(limitsFile, () => void this.#onChange()));
    }
    undo.move();
  }

  get address(): string {
    return hostPort(this.host, this.port);
  }

  get place(): string {
    return this.#counters?.place ?? "memory";
  }

  hold(): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    return {
      [Symbol.dispose]: () => {
        this.#held = undefined;
        resolve();
      },
    };
  }

  async reload(limits?: string): Promise<void> {
    const file = await this.#read(limits);
    if (this.#counters !== undefined) this.#limiter = createLimiter(file, this.#counters);
  }

  async reopen(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#server = await startGrpcServer({
      host: this.host,
      port: this.port,
      services: [{
        name: RATE_LIMIT_SERVICE,
        methods: { ShouldRateLimit: { unary: (bytes) => this.#decide(bytes) } },
      }],
    });
    this.port = this.#server.port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  metrics(): Promise<string> {
    return Promise.resolve(metricsText(this.#metrics.families()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#stack.disposeAsync();
  }

  async #read(limits?: string): Promise<LimitsFile> {
    const { limitsFile } = this.#options;
    const text = limits ?? (limitsFile === undefined ? DEFAULT_LIMITS : await read(limitsFile));
    // Loaded here: a gateway whose limits are another's needs no YAML.
    const { parseLimits } = await loadModule<typeof import("./limits_file.ts")>(
      "limits/limits_file.ts",
    );
    return parseLimits(text, limits === undefined ? limitsFile ?? "limits/limits.yaml" : "limits");
  }

  /** Reads the limits again; what cannot be read keeps the old ones. Never rejects. */
  async #onChange(): Promise<void> {
    try {
      await this.reload();
      this.#log("limits: the changed limits are in force");
    } catch (error) {
      this.#log(`limits: the old limits stay in force: ${messageOf(error)}`);
    }
  }

  #decide(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return this.#held === undefined
      ? this.#answer(bytes)
      : this.#held.then(() => this.#answer(bytes));
  }

  /** No promise where the counters are at hand: this runs twice for every request. */
  #answer(bytes: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const { descriptors, hitsAddend } = this.#decode(bytes);
    const now = this.#now();
    const decided = (this.#limiter as Limiter).decide(descriptors, hitsAddend, now);
    return decided instanceof Promise
      ? decided.then((outcomes) => {
        this.#isBroken = false;
        return this.#encode(outcomes, now);
      }, (error) => this.#broken(error))
      : this.#encode(decided, now);
  }

  /** Says once that the counters cannot be had, a full disk among the reasons; whoever asks decides what follows. */
  #broken(error: unknown): never {
    const message = messageOf(error);
    if (!this.#isBroken) this.#log(`limits: no request is decided on: ${message}`);
    this.#isBroken = true;
    throw error instanceof UnavailableError
      ? new GrpcError(GRPC_STATUS.UNAVAILABLE, "the counters cannot be had")
      : error;
  }

  #encode(outcomes: readonly Outcome[], now: number): Uint8Array {
    for (const outcome of outcomes) if (outcome.ours) this.#note(outcome);
    const refusal = refusalOf(outcomes);
    const headers = quotaHeaders(outcomes.flatMap(({ levels }) => levels), now);
    if (refusal !== undefined) headers.push(["content-type", "application/json"]);
    return encodeAnswer({
      refused: refusal !== undefined,
      statuses: outcomes.map((outcome) => statusOf(outcome, now)),
      headers,
      ...(refusal !== undefined &&
        { body: new TextEncoder().encode(`${refusalBody(refusal, now)}\n`) }),
    });
  }

  #decode(bytes: Uint8Array): Asked {
    try {
      return decodeAsked(bytes);
    } catch (error) {
      throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, messageOf(error));
    }
  }

  #note({ subject, levels, charge }: Outcome): void {
    const refusal = refusing(levels);
    const decision: LimitsDecision = charge !== undefined
      ? { subject, outcome: "charged", charge }
      : refusal === undefined
      ? { subject, outcome: "pass" }
      : { subject, outcome: "refused", code: codeOf(refusal.budget) };
    this.#metrics.count(decision);
    this.journal.append(decision);
    this.#options.onDecision?.(decision);
  }
}

/** The status of one descriptor: of its budgets, the one that refuses, or else has the least left. */
function statusOf({ levels }: Outcome, now: number): DescriptorStatus {
  const refusal = refusing(levels);
  const level = refusal ??
    levels.toSorted((a, b) => remaining(a) / a.budget.max - remaining(b) / b.budget.max)[0];
  if (level === undefined) return { refused: false };
  const { kind, unit, max, window } = level.budget;
  return {
    refused: refusal !== undefined,
    limit: {
      max,
      unit,
      name: `${kind}/${unit}`,
      remaining: remaining(level),
      resetS: Math.ceil(Math.max(0, window.end - now) / 1_000),
    },
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the limits file "${path}": ${messageOf(error)}`);
  }
}
