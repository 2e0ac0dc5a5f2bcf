/** Reads documents on a thread of their own. */
import { type RunningWorker, startWorker } from "../../../service/mod.ts";
import { InvalidFileError, UnsupportedFileError } from "./errors.ts";
import type { DocumentMethods, DocumentQuestion, ReadDocument } from "./worker.ts";

/** Options of {@linkcode DocumentReader}. */
export interface ReaderOptions {
  /** Milliseconds that one file may take; its thread is ended then. */
  readonly timeoutMs: number;
  /** Starts the thread; the real one when left out. */
  readonly start?: () => Promise<DocumentThread>;
}

/** The thread that reads. */
export type DocumentThread = RunningWorker<DocumentMethods>;

/** Starts the real one. */
export function startThread(): Promise<DocumentThread> {
  return Promise.resolve(
    startWorker<DocumentMethods>("responses/search/documents/worker.ts"),
  );
}

/** Reads documents on a thread of their own, one after the other. The thread starts with the first one. */
export class DocumentReader implements Disposable {
  readonly #timeoutMs: number;
  readonly #start: () => Promise<DocumentThread>;
  #worker: Promise<DocumentThread> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ReaderOptions) {
    this.#timeoutMs = options.timeoutMs;
    this.#start = options.start ?? startThread;
  }

  /**
   * Extracts the text of a file and cuts it; the bytes change hands. Waits for the files before it.
   *
   * @throws {InvalidFileError} when it is broken, has no text, or takes too long
   * @throws {UnsupportedFileError} when it is of a kind that is not read
   * @throws the signal's reason, when it aborts; what was read so far is given up
   */
  read(question: DocumentQuestion, signal?: AbortSignal): Promise<ReadDocument> {
    const turn = this.#last.then(() => {
      signal?.throwIfAborted();
      return this.#readNow(question, signal);
    });
    this.#last = turn.catch(() => {});
    return turn;
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  async #readNow(question: DocumentQuestion, signal?: AbortSignal): Promise<ReadDocument> {
    this.#worker ??= this.#start();
    const worker = await this.#worker;
    signal?.throwIfAborted();
    let overdue = false;
    const end = () => this.#end();
    const timer = setTimeout(() => {
      overdue = true;
      end();
    }, this.#timeoutMs);
    signal?.addEventListener("abort", end, { once: true });
    try {
      return await worker.call("read", question, [question.bytes.buffer]);
    } catch (error) {
      signal?.throwIfAborted();
      if (overdue) {
        throw new InvalidFileError(
          `The file could not be read within ${this.#timeoutMs / 1_000} s`,
        );
      }
      throw named(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
    }
  }

  /** The next file gets another thread. */
  #end(): void {
    this.#worker?.then((worker) => worker[Symbol.dispose](), () => {});
    this.#worker = undefined;
  }
}

/** An error comes from another thread with its name only. A file that kills the thread (out of memory) is at fault. */
function named(error: unknown): Error {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  if (name === "UnsupportedFileError") return new UnsupportedFileError(message);
  if (name === "InvalidFileError") return new InvalidFileError(message);
  return new InvalidFileError(`The file cannot be read: ${message}`);
}
