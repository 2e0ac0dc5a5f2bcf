/** Names of a worker's methods and what each takes (one value that can be cloned) and gives. */
// deno-lint-ignore no-explicit-any -- each worker module has its own types, which callers get by `import type`
export type WorkerMethods = Record<string, (argument: any) => unknown>;

/** A running worker: another thread of this process, called by messages. */
export interface RunningWorker<Methods extends WorkerMethods> extends Disposable {
  /**
   * Calls a method and returns its result. Buffers in `transfer` change hands and are empty here afterwards. Rejects
   * with the method's own error (name and message kept), or once the worker has ended.
   */
  call<Name extends keyof Methods & string>(
    method: Name,
    argument: Parameters<Methods[Name]>[0],
    transfer?: Transferable[],
  ): Promise<Awaited<ReturnType<Methods[Name]>>>;
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

type Answer =
  & { readonly id: number }
  & ({ readonly result: unknown } | { readonly error: { name: string; message: string } });

/** Programs of the workers in a binary, gzip as base64, by module path; scripts/build/workers.ts puts them there. */
const CARRIED = "LLMGATE_WORKERS";

/**
 * Starts a module as a worker. `module` is its path within the repository, for example
 * `"responses/search/index_worker.ts"`: from source it is loaded as it is, in a binary from the text that the bundle
 * carries. It needs no permission that a command gives up, and shares those that are left.
 */
export async function startWorker<Methods extends WorkerMethods>(
  module: string,
): Promise<RunningWorker<Methods>> {
  const worker = new Worker(await programOf(module), { type: "module", name: module });
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
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    const answered = waiting.get(data.id);
    waiting.delete(data.id);
    if ("error" in data) answered?.reject(withName(data.error));
    else answered?.resolve(data.result);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    end(new Error(`The worker ${module} failed: ${event.message}`));
  };
  return {
    // deno-lint-ignore no-explicit-any -- the worker's module guarantees the types
    call(method, argument, transfer = []): Promise<any> {
      if (ended !== undefined) return Promise.reject(ended);
      const answer = Promise.withResolvers<unknown>();
      const id = ++last;
      waiting.set(id, answer);
      worker.postMessage({ id, method, argument } satisfies Question, transfer);
      return answer.promise;
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
    onmessage: (event: MessageEvent<Question>) => void;
    postMessage(answer: Answer, transfer: Transferable[]): void;
  };
  scope.onmessage = async ({ data: { id, method, argument } }) => {
    try {
      const result = await methods[method]?.(argument);
      const transfer = typeof result === "object" && result !== null ? given.get(result) : [];
      scope.postMessage({ id, result }, transfer ?? []);
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      scope.postMessage({ id, error: { name, message } }, []);
    }
  };
}

async function programOf(module: string): Promise<string> {
  const carried = (globalThis as { [CARRIED]?: Record<string, string> })[CARRIED];
  if (carried === undefined) return new URL(`../${module}`, import.meta.url).href;
  const program = carried[module];
  if (program === undefined) throw new Error(`The binary does not carry the worker ${module}`);
  const packed = Uint8Array.fromBase64(program);
  const text = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(text).arrayBuffer());
  return `data:text/javascript;base64,${bytes.toBase64()}`;
}

function withName({ name, message }: { name: string; message: string }): Error {
  const error = new Error(message);
  error.name = name;
  return error;
}
