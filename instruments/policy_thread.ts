/** The policy stub on a thread of its own, seen from here: the same door, and nothing that a busy thread here delays. */
import { loadScripts, type Policy, type PolicyCheck } from "../policy/mod.ts";
import { Journal, type Log, SharedLog, signNonce, silent, withDeadline } from "../service/mod.ts";
import { shareThread, type ThreadShare } from "./thread.ts";
import type { PolicyCommand, PolicyEvent, PolicyThreadOptions } from "./worker.ts";

/** Bytes of commands and of events that may wait, as powers of 2. A Check is told of in some kilobytes. */
const COMMAND_BITS = 22;
const EVENT_BITS = 24;

/** Commands after which the stub is told to read them although no Check comes. */
const UNHEARD = 256;

/** Entries of the journal, and how long an arrival is waited for, when nothing is said: as of a stub on this thread. */
const JOURNAL_LIMIT = 10_000;
const ARRIVAL_MS = 30_000;

/**
 * Starts the stub on the thread of the instruments and resolves when it listens. The gateway waits a fixed time for an
 * answer: a stub beside the suite is late whenever the suite is busy. Scripts are in force when `set()` has returned, and
 * the journal tells of every Check whose answer has been seen to have an effect.
 *
 * @throws {UsageError} for broken rules
 * @throws {UnavailableError} when the port is taken
 */
export async function startPolicyThread(
  { log = silent, ...options }: PolicyThreadOptions & { readonly log?: Log },
): Promise<Policy> {
  const { checkAnswers } = await loadScripts();
  const share = await shareThread();
  const lines = {
    commands: SharedLog.memory(COMMAND_BITS),
    events: SharedLog.memory(EVENT_BITS),
  };
  const { port1: bell, port2 } = new MessageChannel();
  try {
    const there = await share.call("startPolicy", {
      options,
      lines: { ...lines, bell: port2 },
    }, [port2]);
    return new PolicyThread({ there, options, share, bell, checkAnswers, ...lines, log });
  } catch (error) {
    bell.close();
    share[Symbol.dispose]();
    throw error;
  }
}

type CheckAnswers = Awaited<ReturnType<typeof loadScripts>>["checkAnswers"];

/** The thread's description of the stub that it has started. */
type Started = Pick<Policy, "host" | "port" | "address" | "version"> & { readonly id: number };

/** A journal that is read from the log of events whenever somebody looks at it. */
class MirroredJournal extends Journal<PolicyCheck> {
  readonly #catchUp: () => void;

  constructor(limit: number, catchUp: () => void) {
    super({ limit });
    this.#catchUp = catchUp;
  }

  override entries(): readonly PolicyCheck[] {
    this.#catchUp();
    return super.entries();
  }
}

class PolicyThread implements Policy {
  readonly rules = undefined;
  readonly host: string;
  readonly port: number;
  readonly address: string;
  readonly journal: Journal<PolicyCheck>;
  readonly scripts: Policy["scripts"];
  readonly barriers: Policy["barriers"];
  readonly #id: number;
  readonly #share: ThreadShare;
  readonly #secret: string | undefined;
  readonly #commands: SharedLog;
  readonly #events: SharedLog;
  readonly #bell: MessagePort;
  readonly #log: Log;
  /** Checks that are not over, by number. */
  readonly #running = new Map<number, PolicyCheck>();
  #unheard = 0;
  #version: string;
  #disposed: Promise<void> | undefined;

  constructor({ there, options, share, bell, checkAnswers, commands, events, log }: {
    there: Started;
    options: PolicyThreadOptions;
    share: ThreadShare;
    bell: MessagePort;
    checkAnswers: CheckAnswers;
    commands: SharedArrayBuffer;
    events: SharedArrayBuffer;
    log: Log;
  }) {
    ({ host: this.host, port: this.port, address: this.address } = there);
    this.#id = there.id;
    this.#version = there.version;
    this.#share = share;
    this.#secret = options.scriptSecret;
    this.#commands = new SharedLog(commands);
    this.#events = new SharedLog(events);
    this.#log = log;
    this.journal = new MirroredJournal(
      options.journalLimit ?? JOURNAL_LIMIT,
      () => this.#catchUp(),
    );
    const scripted = new Set<string>();
    this.scripts = {
      set: (nonce, answers) => {
        checkAnswers(answers);
        scripted.add(nonce);
        this.#command({ set: nonce, answers });
      },
      delete: (nonce) => {
        this.#command({ delete: nonce });
        return scripted.delete(nonce);
      },
    };
    this.barriers = {
      release: (name) => this.#command({ release: name }),
      forget: (prefix) => this.#command({ forget: prefix }),
      arrival: (name, { count = 1, deadlineMs = ARRIVAL_MS, signal } = {}) =>
        withDeadline(
          share.call("arrival", { id: this.#id, name, count, deadlineMs }),
          deadlineMs,
          `Wait at barrier "${name}"`,
          signal,
        ),
    };
    this.#bell = bell;
    bell.onmessage = () => this.#catchUp();
  }

  get version(): string {
    return this.#version;
  }

  signNonce(nonce: string): string | undefined {
    return this.#secret === undefined ? undefined : signNonce(nonce, this.#secret);
  }

  async reload(rules?: string): Promise<void> {
    this.#version = await this.#share.call("reload", { id: this.#id, rules });
  }

  close(): Promise<void> {
    return this.#share.call("close", this.#id);
  }

  reopen(): Promise<void> {
    return this.#share.call("reopen", this.#id);
  }

  metrics(): Promise<string> {
    return this.#share.call("metrics", this.#id);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= (async () => {
      try {
        await this.#share.call("stop", this.#id);
        this.#catchUp();
      } finally {
        this.#bell.close();
        this.#share[Symbol.dispose]();
      }
    })();
  }

  /** The stub reads its commands before it looks at a Check; only who stands at a barrier has to be woken. */
  #command(command: PolicyCommand): void {
    this.#commands.write(command);
    this.#unheard = "release" in command ? 0 : (this.#unheard + 1) % UNHEARD;
    // Once the thread has ended there is nobody left to obey.
    if (this.#unheard === 0) this.#share.call("obey", this.#id).catch(() => {});
  }

  #catchUp(): void {
    const events = this.#events.read() as PolicyEvent[];
    for (const event of events) {
      if ("log" in event) this.#log(event.log);
      else if ("version" in event) this.#version = event.version;
      else this.#hear(event);
    }
  }

  #hear({ number, check }: { number: number; check: PolicyCheck }): void {
    const known = this.#running.get(number);
    if (known === undefined) {
      if (check.answeredAt === undefined) this.#running.set(number, check);
      this.journal.append(check);
      return;
    }
    this.#running.delete(number);
    Object.assign(known, check);
    this.journal.notify();
  }
}
