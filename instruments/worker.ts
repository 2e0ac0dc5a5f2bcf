/**
 * The thread of the instruments: what a gateway asks with a deadline, and what must answer in time however busy the
 * thread of the suite is.
 */
import {
  type Policy,
  type PolicyAnswer,
  type PolicyCheck,
  type PolicyOptions,
  startPolicy,
} from "../policy/mod.ts";
import { serveWorker, SharedLog } from "../service/mod.ts";
import type { ProcessorScript, SessionAnswer } from "../conformance/mod.ts";
import { type ScriptedProcessor, startScriptedProcessor } from "./scripted_processor.ts";
import { type SessionService, startSessionService } from "./session_service.ts";

/** The stub's options that can be sent to another thread. */
export type PolicyThreadOptions = Pick<
  PolicyOptions,
  "host" | "port" | "rulesFile" | "providerKey" | "scriptSecret" | "journalLimit"
>;

/** How two threads talk about one instrument. */
export interface Lines {
  /** Memory of the log of commands, read before each request. */
  readonly commands: SharedArrayBuffer;
  /** Memory of the log of what happened. */
  readonly events: SharedArrayBuffer;
  /** Told when events wait to be read. */
  readonly bell: MessagePort;
}

/** Commands that are obeyed at once, and in order. */
export type PolicyCommand =
  | { readonly set: string; readonly answers: readonly PolicyAnswer[] }
  | { readonly delete: string }
  | { readonly release: string }
  | { readonly forget: string };

/** Events of the stub. */
export type PolicyEvent =
  /** A Check: when it came, and again under the same number when it is over. */
  | { readonly number: number; readonly check: PolicyCheck }
  | { readonly log: string }
  | { readonly version: string };

/** Commands that a processor obeys at once. */
export type ProcessorCommand =
  | { readonly set: string; readonly script: ProcessorScript }
  | { readonly delete: string };

interface Instrument {
  readonly obey: () => void;
  readonly part: Policy | ScriptedProcessor | SessionService;
}

const instruments = new Map<number, Instrument>();
let last = 0;

function policyOf(id: number): Policy {
  const part = instruments.get(id)?.part;
  if (part === undefined || !("journal" in part)) throw new TypeError(`No policy stub ${id} here`);
  return part;
}

function sessionsOf(id: number): SessionService {
  const part = instruments.get(id)?.part;
  if (part === undefined || !("asked" in part)) {
    throw new TypeError(`No service of sessions ${id} here`);
  }
  return part;
}

const methods = {
  untilEnd: () => new Promise<never>(() => {}),

  async startPolicy({ options, lines }: { options: PolicyThreadOptions; lines: Lines }) {
    const commands = new SharedLog(lines.commands);
    const events = new SharedLog(lines.events);
    const tell = (event: PolicyEvent) => {
      if (events.write(event)) lines.bell.postMessage(null);
    };
    const running = new Map<PolicyCheck, number>();
    let number = 0;
    const obey = () => {
      for (const command of commands.read() as PolicyCommand[]) {
        if ("set" in command) policy.scripts.set(command.set, command.answers);
        else if ("delete" in command) policy.scripts.delete(command.delete);
        else if ("release" in command) policy.barriers.release(command.release);
        else policy.barriers.forget(command.forget);
      }
    };
    const policy = await startPolicy({
      ...options,
      beforeCheck: obey,
      log(line) {
        tell({ log: line });
        tell({ version: policy.version });
      },
      onCheck(check) {
        const known = running.get(check);
        if (known === undefined) return;
        running.delete(check);
        tell({ number: known, check });
      },
    });
    policy.journal.subscribe((check) => {
      number++;
      const isOver = check.answeredAt !== undefined;
      if (!isOver) running.set(check, number);
      tell({ number, check });
    });
    const id = ++last;
    instruments.set(id, { obey, part: policy });
    const { host, port, address, version } = policy;
    return { id, host, port, address, version };
  },

  async startProcessor({ commands: memory }: { commands: SharedArrayBuffer }) {
    const commands = new SharedLog(memory);
    const processor = await startScriptedProcessor({
      beforeRequest() {
        for (const command of commands.read() as ProcessorCommand[]) {
          if ("set" in command) processor.scripts.set(command.set, command.script);
          else processor.scripts.delete(command.delete);
        }
      },
    });
    const id = ++last;
    instruments.set(id, { obey: () => {}, part: processor });
    return { id, port: processor.port };
  },

  startSessions() {
    const sessions = startSessionService();
    const id = ++last;
    instruments.set(id, { obey: () => {}, part: sessions });
    return { id, port: sessions.port };
  },

  answerSession(
    { id, session, answer }: { id: number; session: string; answer: SessionAnswer },
  ) {
    sessionsOf(id).answer(session, answer);
  },

  askedSessions: ({ id, session }: { id: number; session: string }) =>
    sessionsOf(id).asked(session),

  /** Does what was commanded, without waiting for a request. */
  obey: (id: number) => instruments.get(id)?.obey(),

  arrival({ id, name, ...wait }: { id: number; name: string; count: number; deadlineMs: number }) {
    return policyOf(id).barriers.arrival(name, wait);
  },

  async reload({ id, rules }: { id: number; rules: string | undefined }) {
    const policy = policyOf(id);
    await policy.reload(rules);
    return policy.version;
  },

  close: (id: number) => policyOf(id).close(),
  reopen: (id: number) => policyOf(id).reopen(),
  metrics: (id: number) => policyOf(id).metrics(),

  async stop(id: number) {
    const instrument = instruments.get(id);
    instruments.delete(id);
    await instrument?.part[Symbol.asyncDispose]();
  },
};

/** Methods of the thread. */
export type InstrumentMethods = typeof methods;

serveWorker(methods);
