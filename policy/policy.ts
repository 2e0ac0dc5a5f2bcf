/** The policy stub: an ext_authz server with rules, and with a script for each test that wants one. */
import {
  type Call,
  GRPC_STATUS,
  GrpcError,
  type GrpcServer,
  type ServerTls,
  startGrpcServer,
  type WireFault,
} from "../grpc/mod.ts";
import { type CheckRequest, decodeCheckRequest } from "../ext_authz/mod.ts";
import {
  Barriers,
  hostPort,
  Journal,
  listenLasting,
  type Log,
  messageOf,
  nextOrder,
  now,
  readTextFile,
  signNonce,
  silent,
  UsageError,
  watchFile,
} from "../service/mod.ts";
import { entryOf, type PolicyCheck } from "./check_log.ts";
import { compileRules, type RulesEngine } from "./engine.ts";
import { PolicyMetrics } from "./metrics.ts";
import { readRules } from "./read_rules.ts";
import { loadRecorder, loadScripts } from "./late.ts";
import type { Recorder } from "./record.ts";
import { DEFAULT_RULES } from "./default_rules.ts";
import type { RulesFile } from "./rules_schema.ts";
import type { PolicyAnswer } from "./script.ts";
import type { Fault, PlannedAnswer, PlannedAnswers } from "./scripted.ts";

/** Options of {@linkcode startPolicy}. */
export interface PolicyOptions {
  /** Interface to listen on; `127.0.0.1` unless told otherwise. */
  readonly host?: string;
  /** Port to listen on; 0, the default, picks a free one. */
  readonly port?: number;
  /** Rules as YAML; the built-in `rules.yaml` when neither this nor `rulesFile` is given. */
  readonly rules?: string;
  /** Rules as a file, read again whenever it changes. */
  readonly rulesFile?: string;
  /** The upstream provider's key: replaces the client's credential on every allowed request. */
  readonly providerKey?: string;
  /** Secret of this run: with it, and only with it, a request with a signed nonce is answered by its script. */
  readonly scriptSecret?: string;
  /** Lines about rules being loaded or refused. */
  readonly log?: Log;
  /** Called once per answer; also when a call was cancelled instead. */
  readonly onCheck?: (check: PolicyCheck) => void;
  /** Called when a Check has come, before it is looked at: what was set by then is in force for it. */
  readonly beforeCheck?: () => void;
  /** Appends every Check, without its secrets, to this file as JSON lines. */
  readonly recordFile?: string;
  readonly tls?: ServerTls;
  /** See `startGrpcServer`; `native` unless told otherwise. */
  readonly engine?: "native" | "grpc-js";
  /** Entries that the journal keeps; 10,000 unless told otherwise. */
  readonly journalLimit?: number;
  /** Stops the stub when aborted. */
  readonly signal?: AbortSignal;
}

/** The rules in force. */
export interface RulesInForce {
  readonly text: string;
  /** Path of the file that they are read from; undefined for the bundled ones and for those that were set. */
  readonly file: string | undefined;
  readonly parsed: RulesFile;
}

/** A running policy stub. */
export interface Policy extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** `host:port` */
  readonly address: string;
  /** Every Check, newest last, without secrets. */
  readonly journal: Journal<PolicyCheck>;
  readonly scripts: {
    /**
     * Answers in sequence for requests with this nonce; the last one repeats.
     *
     * @throws {UsageError} for what is no script, and when the stub has no script secret
     */
    set(nonce: string, answers: readonly PolicyAnswer[]): void;
    /** False when there was none. */
    delete(nonce: string): boolean;
  };
  /**
   * The `x-harness-case` value whose requests are answered by the script of `nonce`; undefined when
   * the stub has no script secret. Throws `RangeError` for what is no nonce.
   */
  signNonce(nonce: string): string | undefined;
  /** Barriers of scripted answers, named `nonce/name`. */
  readonly barriers: Pick<Barriers, "release" | "arrival" | "forget">;
  /** `version:` of the rules in force. */
  readonly version: string;
  /** The rules in force, as they were written and as they were read; undefined where another thread holds them. */
  readonly rules: RulesInForce | undefined;
  /** Replaces the rules by YAML, or reads the rules file again. Throws `UsageError`; the old rules then stay. */
  reload(rules?: string): Promise<void>;
  /**
   * Answers every request, or those of one tenant, in place of the rules; undefined ends it. Scripts of nonces go before.
   *
   * @throws {UsageError} for what is no answer
   */
  setFault?(fault: Fault | undefined): Promise<void>;
  /** Closes the listener and every connection; scripts, journal and rules stay. */
  close(): Promise<void>;
  /** Listens again on the same port. */
  reopen(): Promise<void>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

const JOURNAL_LIMIT = 10_000;

/** The service's full name, for health and reflection. */
export const AUTHORIZATION = "envoy.service.auth.v3.Authorization";

/** Starts a policy stub and resolves when it listens. Rejects with `UsageError` for broken rules. */
export async function startPolicy(options: PolicyOptions = {}): Promise<Policy> {
  options.signal?.throwIfAborted();
  const stub = new PolicyStub(options);
  await stub.start();
  return stub;
}

/** Nobody could sign a nonce for them. */
const NO_SCRIPTS: Policy["scripts"] = {
  set() {
    throw new UsageError("Cannot set the script: the stub was started without a script secret");
  },
  delete: () => false,
};

class PolicyStub implements Policy {
  readonly journal: Journal<PolicyCheck>;
  readonly barriers = new Barriers();
  readonly host: string;
  port: number;
  readonly #options: PolicyOptions;
  readonly #log: Log;
  readonly #metrics: PolicyMetrics;
  readonly #reloads = { ok: 0, failed: 0 };
  readonly #stack = new AsyncDisposableStack();
  #engine: RulesEngine | undefined;
  #inForce: RulesInForce | undefined;
  /** Loaded with a script secret, or the first fault. */
  #planned: PlannedAnswers | undefined;
  #server: GrpcServer | undefined;
  #recorder: Recorder | undefined;
  #disposed: Promise<void> | undefined;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#log = options.log ?? silent;
    this.host = options.host ?? "127.0.0.1";
    this.port = options.port ?? 0;
    this.journal = new Journal({ limit: options.journalLimit ?? JOURNAL_LIMIT });
    this.#metrics = new PolicyMetrics({
      dropped: () => this.journal.dropped,
      reloads: () => this.#reloads,
    });
  }

  async start(): Promise<void> {
    const { rulesFile, recordFile, scriptSecret, signal } = this.#options;
    await this.reload(this.#options.rules);
    if (scriptSecret !== undefined) await this.#plan();
    await using undo = new AsyncDisposableStack();
    undo.defer(() => this[Symbol.asyncDispose]());
    if (recordFile !== undefined) {
      const { startRecorder } = await loadRecorder();
      this.#recorder = this.#stack.use(await startRecorder(recordFile, this.#log));
    }
    if (this.port === 0) {
      await listenLasting(this.host, (port) => {
        this.port = port;
        return this.reopen();
      });
    } else await this.reopen();
    this.#stack.defer(() => this.close());
    if (rulesFile !== undefined && this.#options.rules === undefined) {
      this.#stack.use(watchFile(rulesFile, () => void this.#onChange()));
    }
    if (signal !== undefined) {
      const stop = () => {
        this[Symbol.asyncDispose]().catch((error) => this.#log(messageOf(error)));
      };
      signal.addEventListener("abort", stop, { once: true });
      this.#stack.defer(() => signal.removeEventListener("abort", stop));
    }
    undo.move();
  }

  get address(): string {
    return hostPort(this.host, this.port);
  }

  get version(): string {
    return this.#rules.version;
  }

  get rules(): RulesInForce {
    if (this.#inForce === undefined) throw new TypeError("Cannot tell the rules: none were loaded");
    return this.#inForce;
  }

  get #rules(): RulesEngine {
    if (this.#engine === undefined) throw new TypeError("Cannot decide: no rules were loaded");
    return this.#engine;
  }

  async reload(rules?: string): Promise<void> {
    const { rulesFile, providerKey } = this.#options;
    const file = rules !== undefined ? "rules" : rulesFile ?? "policy/rules.yaml";
    try {
      const text = rules ?? (rulesFile === undefined ? DEFAULT_RULES : await read(rulesFile));
      const parsed = await readRules(text, file);
      this.#engine = compileRules(parsed, { providerKey });
      this.#inForce = { text, file: rules === undefined ? rulesFile : undefined, parsed };
      this.#reloads.ok++;
    } catch (error) {
      this.#reloads.failed++;
      throw error;
    }
  }

  /** Reads the rules again; what cannot be read keeps the old ones. Never rejects. */
  async #onChange(): Promise<void> {
    try {
      await this.reload();
      this.#log(`policy: rules "${this.version}" are in force`);
    } catch (error) {
      this.#log(`policy: rules "${this.version}" stay in force: ${messageOf(error)}`);
    }
  }

  async reopen(): Promise<void> {
    if (this.#server !== undefined) return;
    const { tls, engine } = this.#options;
    this.#server = await startGrpcServer({
      host: this.host,
      port: this.port,
      services: [{
        name: AUTHORIZATION,
        methods: { Check: { unary: (bytes, call) => this.#check(bytes, call) } },
      }],
      ...(tls === undefined ? {} : { tls }),
      ...(engine === undefined ? {} : { engine }),
      log: this.#log,
    });
    this.port = this.#server.port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.stop();
  }

  signNonce(nonce: string): string | undefined {
    const { scriptSecret } = this.#options;
    return scriptSecret === undefined ? undefined : signNonce(nonce, scriptSecret);
  }

  get scripts(): Policy["scripts"] {
    const { scriptSecret } = this.#options;
    return scriptSecret === undefined ? NO_SCRIPTS : this.#planned?.scripts ?? NO_SCRIPTS;
  }

  async setFault(fault: Fault | undefined): Promise<void> {
    (await this.#plan()).setFault(fault);
  }

  async #plan(): Promise<PlannedAnswers> {
    const room = await loadScripts();
    return this.#planned ??= new room.PlannedAnswers(this.#options.scriptSecret);
  }

  metrics(): Promise<string> {
    return Promise.resolve(this.#metrics.text());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.barriers.releaseAll();
    return this.#disposed ??= this.#stack.disposeAsync();
  }

  #check(bytes: Uint8Array, call: Call): Uint8Array | Promise<Uint8Array | WireFault> {
    const receivedAt = now();
    this.#options.beforeCheck?.();
    const request = this.#decode(bytes);
    const planned = this.#planned?.take(request, this.#rules);
    if (planned !== undefined) return this.#answer({ request, bytes, call, receivedAt, planned });
    return this.#decide(request, { bytes, grpcPath: call.path, receivedAt });
  }

  #decode(bytes: Uint8Array): CheckRequest {
    try {
      return decodeCheckRequest(bytes);
    } catch (error) {
      throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, messageOf(error));
    }
  }

  /** The hot path: no promise, no timer. */
  #decide(
    request: CheckRequest,
    about: { bytes: Uint8Array; grpcPath: string; receivedAt: number; entry?: PolicyCheck },
  ): Uint8Array {
    const engine = this.#rules;
    const decided = engine.decide(request);
    const entry = about.entry ?? entryOf(request, { ...about, engine, key: decided.key });
    entry.decision = decided.decision;
    entry.rule = decided.rule;
    entry.code = decided.code;
    entry.status = decided.status;
    entry.tenant = decided.tenant;
    entry.key = decided.key;
    entry.decisionId = decided.decisionId;
    this.#recorder?.record(about.bytes, entry);
    this.#answered(entry, about.entry === undefined);
    return decided.response;
  }

  /** Closes an entry: journal, counters, listener. */
  #answered(entry: PolicyCheck, isNew: boolean): void {
    entry.answeredAt = now();
    entry.answeredOrder = nextOrder();
    if (isNew) this.journal.append(entry);
    else this.journal.notify();
    const { decision = "error", rule = "", code = "" } = entry;
    this.#metrics.count({ decision, rule, code }, entry.answeredAt - entry.receivedAt);
    this.#options.onCheck?.(entry);
  }

  async #answer(
    { request, bytes, call, receivedAt, planned }: {
      request: CheckRequest;
      bytes: Uint8Array;
      call: Call;
      receivedAt: number;
      planned: PlannedAnswer;
    },
  ): Promise<Uint8Array | WireFault> {
    const engine = this.#rules;
    const { key } = engine.keys.identify(request.headers);
    const entry = entryOf(request, { engine, key, receivedAt, grpcPath: call.path });
    this.journal.append(entry);
    const { signal } = call;
    signal.addEventListener("abort", () => {
      if (entry.answeredAt !== undefined) return;
      entry.cancelledAt = now();
      this.journal.notify();
      this.#options.onCheck?.(entry);
    }, { once: true });
    await planned.wait(this.barriers, signal);
    if (planned.isOfRules) {
      return this.#decide(request, { bytes, grpcPath: call.path, receivedAt, entry });
    }
    entry.rule = "script";
    entry.tenant = "";
    try {
      return planned.reply({ request, entry, engine });
    } finally {
      this.#answered(entry, false);
    }
  }
}

async function read(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read the rules file "${path}": ${messageOf(error)}`);
  }
}
