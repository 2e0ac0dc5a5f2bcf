/** The running mock. */
import {
  Barriers,
  Journal,
  listenLasting,
  type Log,
  nextOrder,
  nonceOf,
  now,
  silent,
  UsageError,
} from "../service/mod.ts";
import { AttemptCounter } from "./attempts.ts";
import { Dispatcher, type Tape } from "./dispatcher.ts";
import type { UpstreamFault } from "./fault.ts";
import { UpstreamCounters, upstreamMetrics } from "./metrics.ts";
import { NO_PACE, type Pace, REALISTIC_PACE } from "./answers/pace.ts";
import { openRecorder, type RecordOptions } from "./tape/recorder.ts";
import { Replayer, type ReplayOptions } from "./tape/replayer.ts";
import { ScenarioBook } from "./scripts/scenario_book.ts";
import { readScenario, type WrittenScenario } from "./scripts/scenario_schema.ts";
import { checkScript } from "./scripts/schema.ts";
import { DataServer } from "./wire/server.ts";
import { TimerWheel } from "./scripts/timer_wheel.ts";
import type { NamedReply, UpstreamExchange, UpstreamScript } from "./types.ts";

/** Options of `startUpstream`. */
export interface UpstreamOptions {
  /** Interface to listen on. Default "127.0.0.1". */
  readonly host?: string;
  /** 0 picks a free port, the default. */
  readonly port?: number;
  /** Model ids that exist; every name does when this is not given. */
  readonly models?: readonly string[];
  /** How fast answers come; "none" uses no timer. Default: about 50 tokens per second. */
  readonly pace?: Partial<Pace> | "none";
  /** A folder of scenario files, read now and again whenever one changes. */
  readonly scenarios?: string;
  /** A request that no scenario answers is a 404 that names the nearest one. Default false: the endpoint answers. */
  readonly strict?: boolean;
  /** Forward what no script answers to a real upstream, and store what it says. */
  readonly record?: RecordOptions;
  /** Answer from recordings what no script answers. Not together with `record`. */
  readonly replay?: ReplayOptions;
  /** Keep the bodies of all requests in the journal, up to 16 KiB each. Default false: of those with a nonce. */
  readonly bodyTexts?: boolean;
  /** Exchanges that the journal keeps. Default 4,096. */
  readonly journalLimit?: number;
  /** Times of events that each of them keeps. Default 20,000: more than the longest case writes. */
  readonly eventTimes?: number;
  /** Allows other listeners on this port (`SO_REUSEPORT`), provided they set it as well. Default false. */
  readonly sharedPort?: boolean;
  /** Barriers shared with other upstreams, so that one release reaches whichever stands there. */
  readonly barriers?: Barriers;
  /** Called once for each exchange when it has ended, however it did. */
  readonly onEnd?: (exchange: UpstreamExchange) => void;
  /** Gets one line for everything that goes wrong inside. */
  readonly log?: Log;
}

/** A running mock upstream. */
export interface Upstream extends AsyncDisposable {
  /** `http://host:port` */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly journal: Journal<UpstreamExchange>;
  readonly scripts: {
    /**
     * Sets the script for an id: named in `x-mock-script`, or equal to a case's nonce.
     *
     * @throws {UsageError} when the script is not valid
     */
    set(id: string, script: UpstreamScript | NamedReply): void;
    delete(id: string): boolean;
    get(id: string): UpstreamScript | NamedReply | undefined;
    ids(): string[];
  };
  /** Scenarios that are set while the mock runs: the newest is asked first, and all before those of a folder. */
  readonly scenarios: {
    /**
     * Sets a scenario under a name; without a `match` it answers every request.
     *
     * @throws {UsageError} when the scenario is not valid
     */
    set(name: string, scenario: WrittenScenario): void;
    delete(name: string): boolean;
    names(): string[];
    /** Forgets every scenario that was set, and lets the sequences of all others begin again. */
    clear(): void;
  };
  /** Barriers of scripts; names are `${nonce}/${name}`, or `${script id}/${name}` without nonce. */
  readonly barriers: Barriers;
  /** Prometheus text. */
  metrics(): Promise<string>;
  /** Forgets the exchanges, script and barriers of one nonce. */
  reset(nonce: string): void;
  /** Switches a fault on for every request, or for those of one tenant; undefined ends it. */
  setFault(fault: UpstreamFault | undefined): void;
  /** Closes the listener and every connection; `reopen()` brings the same port back. */
  close(): Promise<void>;
  reopen(): Promise<void>;
}

/** Bytes of a request body that are kept for an endpoint; longer ones get 413. */
const BODY_LIMIT = 64 * 1024 * 1024;
const JOURNAL_LIMIT = 4_096;
const EVENT_TIMES = 20_000;
/** Named scripts kept at once; the oldest goes when there are more. */
const SCRIPT_LIMIT = 10_000;

interface Parts {
  readonly scenarios: ScenarioBook;
  readonly tape: Tape | undefined;
}

/**
 * Starts the mock upstream; resolves when it listens.
 *
 * @throws {UnavailableError} when the port is taken
 * @throws {UsageError} when a scenario file is not right: file, line, column and what was expected
 */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  const log = options.log ?? silent;
  if (options.record && options.replay) {
    throw new UsageError("Cannot record and replay at once: choose one of both");
  }
  const tape = options.record
    ? await openRecorder(options.record, log)
    : options.replay
    ? await Replayer.open(options.replay)
    : undefined;
  const scenarios = await ScenarioBook.open(options.scenarios, log);
  const upstream = new MockUpstream(options, { scenarios, tape });
  try {
    await upstream.reopen();
  } catch (error) {
    await upstream[Symbol.asyncDispose]();
    throw error;
  }
  return upstream;
}

/** Waiters look once for all changes of a turn: a fast stream changes its entry at every event. */
class ExchangeJournal extends Journal<UpstreamExchange> {
  #queued = false;

  // Called for every event; a function with a closure has its scope made at each call.
  override notify(): void {
    if (!this.#queued) this.#queue();
  }

  #queue(): void {
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      super.notify();
    });
  }
}

class MockUpstream implements Upstream {
  readonly host: string;
  readonly journal: Journal<UpstreamExchange>;
  readonly barriers: Barriers;
  readonly scripts: Upstream["scripts"];
  readonly #scripts = new Map<string, UpstreamScript | NamedReply>();
  readonly scenarios: Upstream["scenarios"];
  readonly #scenarios: ScenarioBook;
  readonly #attempts = new AttemptCounter();
  readonly #wheel = new TimerWheel();
  readonly #server: DataServer;
  readonly #counters = new UpstreamCounters();
  readonly #sharedPort: boolean;
  #port: number;
  #fault: UpstreamFault | undefined;
  #disposed = false;

  constructor(options: UpstreamOptions, parts: Parts) {
    const book = parts.scenarios;
    this.#scenarios = book;
    this.scenarios = {
      set: (name, scenario) => book.set(readScenario(scenario, `scenario "${name}"`, name)),
      delete: (name) => book.delete(name),
      names: () => book.setNames(),
      clear: () => book.clear(),
    };
    this.host = options.host ?? "127.0.0.1";
    this.#port = options.port ?? 0;
    this.#sharedPort = options.sharedPort ?? false;
    this.barriers = options.barriers ?? new Barriers();
    this.journal = new ExchangeJournal({ limit: options.journalLimit ?? JOURNAL_LIMIT });
    this.scripts = {
      set: (id, script) => this.#setScript(id, script),
      delete: (id) => this.#scripts.delete(id),
      get: (id) => this.#scripts.get(id),
      ids: () => [...this.#scripts.keys()],
    };
    const dispatcher = new Dispatcher({
      scripts: this.#scripts,
      scenarios: parts.scenarios,
      tape: parts.tape,
      strict: options.strict ?? false,
      surface: { host: this.host },
      models: options.models,
      fault: () => this.#fault,
      pace: options.pace === "none" ? NO_PACE : { ...REALISTIC_PACE, ...options.pace },
      barriers: this.barriers,
      wheel: this.#wheel,
      counters: this.#counters,
      log: options.log ?? silent,
    });
    this.#server = new DataServer({
      journal: this.journal,
      bodyLimit: BODY_LIMIT,
      bodyTexts: options.bodyTexts ?? false,
      eventTimes: options.eventTimes ?? EVENT_TIMES,
      open: (start, rawHead) => this.#open(start, rawHead),
      ended: (exchange) => {
        this.#counters.ended(exchange);
        options.onEnd?.(exchange);
      },
      serve: (wire) => void dispatcher.serve(wire),
    });
  }

  metrics(): Promise<string> {
    return Promise.resolve(upstreamMetrics(this.#counters, this.#server));
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://${this.host}:${this.#port}`;
  }

  reset(nonce: string): void {
    this.journal.clear((exchange) => exchange.nonce === nonce);
    this.#scripts.delete(nonce);
    this.barriers.forget(`${nonce}/`);
  }

  setFault(fault: UpstreamFault | undefined): void {
    this.#fault = fault;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  async reopen(): Promise<void> {
    const listen = (port: number) => this.#server.listen(this.host, port, this.#sharedPort);
    this.#port = this.#port === 0
      ? await listenLasting(this.host, listen)
      : await listen(this.#port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#scenarios[Symbol.asyncDispose]();
    await this.#server.close();
    this.#wheel[Symbol.dispose]();
    this.barriers.releaseAll();
  }

  #setScript(id: string, script: UpstreamScript | NamedReply): void {
    this.#scripts.delete(id);
    const what = `script "${id}"`;
    if ("steps" in script) this.#scripts.set(id, checkScript(script, what));
    else {
      readScenario(script, what);
      this.#scripts.set(id, script);
    }
    const oldest = this.#scripts.keys().next().value;
    if (this.#scripts.size > SCRIPT_LIMIT && oldest !== undefined) this.#scripts.delete(oldest);
  }

  #open(
    start: Pick<UpstreamExchange, "connection" | "protocol" | "method" | "target" | "headers">,
    rawHead: string | undefined,
  ): UpstreamExchange {
    let nonce: string | undefined;
    let requestId: string | undefined;
    for (const [name, value] of start.headers) {
      const lower = name.toLowerCase();
      if (lower === "x-harness-case") nonce ??= nonceOf(value);
      else if (lower === "x-request-id") requestId ??= value;
    }
    const exchange: UpstreamExchange = {
      ...(nonce === undefined ? {} : { nonce }),
      ...(requestId === undefined ? {} : { requestId }),
      ...start,
      ...(rawHead === undefined ? {} : { rawHead }),
      attempt: this.#attempts.next(requestId ?? nonce),
      bodyBytes: 0,
      receivedAt: now(),
      receivedOrder: nextOrder(),
      bytesWritten: 0,
      events: 0,
      eventTimes: [],
      writeStallMs: 0,
    };
    this.#counters.started();
    this.journal.append(exchange);
    return exchange;
  }
}
