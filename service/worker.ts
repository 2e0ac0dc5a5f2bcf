/** Worker threads with typed methods. */
import { followClock, now, sharedSequence } from "./clock.ts";
import { UnavailableError, UsageError } from "./errors.ts";
import { moduleUrl } from "./module.ts";

/** Names of a worker's methods and what each takes (one value that can be cloned) and gives. */
// deno-lint-ignore no-explicit-any -- each worker module has its own types, which callers get by `import type`
export type WorkerMethods = Record<string, (argument: any) => unknown>;

/** A running worker: another thread of this process, called by messages. */
export interface RunningWorker<Methods extends WorkerMethods> extends Disposable {
  /**
   * Calls a method and returns its result. Buffers in `transfer` change hands and are empty here afterwards. Rejects
   * with the method's own error (name and message kept; this room's errors keep their class), or once the worker has
   * ended.
   */
  call<Name extends keyof Methods & string>(
    method: Name,
    argument: Parameters<Methods[Name]>[0],
    transfer?: Transferable[],
  ): Promise<Awaited<ReturnType<Methods[Name]>>>;
  /**
   * Lets the worker's `now()` agree with this thread's, within half of the shortest of a few round trips, and gives both
   * one `nextOrder()`. The system's clock takes no part in it: that may be set at any time.
   */
  shareClock(): Promise<void>;
}

/** Round trips by which a clock is read. */
const READINGS = 5;

/** Methods that every worker has besides those of its own. */
const CLOCK = { read: "clock.read", follow: "clock.follow" } as const;
const CLOCK_METHODS: WorkerMethods = { [CLOCK.read]: now, [CLOCK.follow]: followClock };

interface Question {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Failure {
  readonly name: string;
  readonly message: string;
}

type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: Failure }
  /** Nobody's call: the worker is out of order. */
  | { readonly fatal: Failure };

/**
 * Starts a module as a worker. `module` is its path within the repository, as for `loadModule()`. Apart from `read` it
 * needs no permission, and it shares those that are left.
 */
export function startWorker<Methods extends WorkerMethods>(
  module: string,
): RunningWorker<Methods> {
  const worker = new Worker(moduleUrl(module), { type: "module", name: module });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let ended: Error | undefined;
  let last = 0;
  const end = (reason: Error) => {
    if (ended !== undefined) return;
    ended = reason;
    worker.terminate();
    for (const { reject } of waiting.values()) reject(reason);
    waiting.clear();
  };
  const fail = (message: string) => end(new Error(`The worker ${module} failed: ${message}`));
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    if ("fatal" in data) return fail(`${data.fatal.name}: ${data.fatal.message}`);
    const answered = waiting.get(data.id);
    waiting.delete(data.id);
    if ("error" in data) answered?.reject(withName(data.error));
    else answered?.resolve(data.result);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(event.message);
  };
  // deno-lint-ignore no-explicit-any -- the worker's module guarantees the types
  const call = (method: string, argument: unknown, transfer: Transferable[] = []): Promise<any> => {
    if (ended !== undefined) return Promise.reject(ended);
    const answer = Promise.withResolvers<unknown>();
    const id = ++last;
    waiting.set(id, answer);
    worker.postMessage({ id, method, argument } satisfies Question, transfer);
    return answer.promise;
  };
  return {
    call,
    async shareClock() {
      let best = { ahead: 0, took: Infinity };
      for (let i = 0; i < READINGS; i++) {
        const before = now();
        const there: number = await call(CLOCK.read, undefined);
        const took = now() - before;
        if (took < best.took) best = { ahead: before + took / 2 - there, took };
      }
      await call(CLOCK.follow, { ahead: best.ahead, sequence: sharedSequence() });
    },
    [Symbol.dispose]() {
      end(new Error(`The worker ${module} was ended`));
    },
  };
}

/** Buffers that a worker's method gives away with its result. */
const given = new WeakMap<object, Transferable[]>();

/** Marks the result of a worker's method: its buffers are handed over, not copied. Returns `result`. */
export function giveAway<T extends object>(result: T, buffers: Transferable[]): T {
  given.set(result, buffers);
  return result;
}

/** Called at the end of a worker's module: answers the calls of the thread that started it. */
export function serveWorker(methods: WorkerMethods): void {
  const scope = globalThis as unknown as {
    onmessage: (event: MessageEvent<Question>) => Promise<void>;
    postMessage(answer: Answer, transfer?: Transferable[]): void;
  };
  // Told to the thread that calls, which rejects; the runtime would print it on standard error, too.
  addEventListener("error", (event) => {
    event.preventDefault();
    scope.postMessage({ fatal: failureOf(event.error) });
  });
  addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    scope.postMessage({ fatal: failureOf(event.reason) });
  });
  scope.onmessage = async ({ data: { id, method, argument } }) => {
    try {
      const result = await (methods[method] ?? CLOCK_METHODS[method])?.(argument);
      const transfer = typeof result === "object" && result !== null ? given.get(result) : [];
      scope.postMessage({ id, result }, transfer ?? []);
    } catch (error) {
      scope.postMessage({ id, error: failureOf(error) });
    }
  };
}

function failureOf(thrown: unknown): Failure {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  return { name, message };
}

function withName({ name, message }: Failure): Error {
  if (name === "UsageError") return new UsageError(message);
  if (name === "UnavailableError") return new UnavailableError(message);
  const error = new Error(message);
  error.name = name;
  return error;
}
