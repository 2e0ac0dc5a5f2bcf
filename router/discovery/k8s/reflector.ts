/** A copy of a collection of the Kubernetes API that follows it: list, then watch, for ever. */
import { delay, type Log, messageOf } from "../../../service/mod.ts";
import { ApiError, type Collection, listPage, watchFrom } from "./api.ts";

/** The fields of an object that a copy needs. */
interface Named {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
  };
}

/** Options of {@linkcode reflect}. */
export interface ReflectOptions<T> {
  readonly collection: Collection;
  /** Called with every object after the first list and after each change. */
  readonly onChange: (objects: readonly T[]) => void;
  /** Called with each failure, before the wait that follows it. */
  readonly onFailure?: (error: unknown) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** First and longest wait after failures, in milliseconds; 800 and 30,000 when left out. */
  readonly backoff?: { readonly firstMs: number; readonly longestMs: number };
  /** Waits between two rounds; the clock when left out. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** As client-go's reflector waits: 0.8 s doubled up to 30 s, each up to twice as long by chance. */
const BACKOFF = { firstMs: 800, longestMs: 30_000 };
/** Gone: the version is too old to be resumed from, and the list must be read again. */
const GONE = 410;
/** A watch is asked to end after 5 to 10 minutes, as client-go does, so that many do not end at once. */
const WATCH_SECONDS = 300;

/**
 * Follows a collection until the signal aborts. A watch that ends is resumed from the last version
 * seen, bookmarks included; one that is refused as too old leads to a new list; any other failure
 * is told to `log` and tried again, later and later, and the copy stays as it is meanwhile.
 */
export async function reflect<T extends Named>(options: ReflectOptions<T>): Promise<void> {
  const { signal, log, wait = delay } = options;
  const copy = new Copy<T>(options);
  let said = "";
  while (!signal.aborted) {
    try {
      await copy.follow();
      said = "";
    } catch (error) {
      if (signal.aborted) return;
      copy.failed(error);
      if (error instanceof ApiError && error.code === GONE) {
        log("The Kubernetes API has forgotten where the watch was: reading the list again");
      } else {
        options.onFailure?.(error);
        const line = `Cannot follow ${options.collection.path}: ${messageOf(error)}`;
        if (line !== said) log(line);
        said = line;
      }
    }
    await wait(copy.waitMs, signal).catch(() => {});
  }
}

class Copy<T extends Named> {
  readonly #options: ReflectOptions<T>;
  #objects = new Map<string, T>();
  /** Version to resume from; undefined until the next list. */
  #version: string | undefined;
  /** Rounds in a row that brought nothing. */
  #idle = 0;
  /** The wait that the API asked for. */
  #askedMs = 0;
  /** Rounds in a row that were refused as too old. */
  #forgotten = 0;

  constructor(options: ReflectOptions<T>) {
    this.#options = options;
  }

  /** One list, where it is needed, and one watch to its end. */
  async follow(): Promise<void> {
    this.#askedMs = 0;
    this.#version ??= await this.#list();
    const { collection, signal } = this.#options;
    const seconds = WATCH_SECONDS + Math.floor(Math.random() * WATCH_SECONDS);
    // Counted until an event proves that the watch works: no pace may be lost to an API that ends
    // each watch at once.
    this.#idle++;
    const events = watchFrom<T>(collection, { resourceVersion: this.#version, seconds, signal });
    for await (const { type, object } of events) {
      if (type === "ERROR") {
        const { code = 0, message = "" } = object as { code?: number; message?: string };
        throw new ApiError(code, message);
      }
      this.#idle = 0;
      this.#forgotten = 0;
      this.#version = object.metadata.resourceVersion ?? this.#version;
      if (type === "BOOKMARK") continue;
      if (type === "DELETED") this.#objects.delete(keyOf(object));
      else this.#objects.set(keyOf(object), object);
      this.#tell();
    }
    this.#forgotten = 0;
  }

  failed(error: unknown): void {
    if (!(error instanceof ApiError)) return;
    this.#askedMs = error.retryAfterMs;
    if (error.code !== GONE) return;
    this.#version = undefined;
    this.#forgotten++;
  }

  /** Milliseconds until the next round: none after one that worked. */
  get waitMs(): number {
    // To be forgotten is no failure of anybody, the first time.
    if (this.#idle === 0 || this.#forgotten === 1) return this.#askedMs;
    const { firstMs, longestMs } = this.#options.backoff ?? BACKOFF;
    const wait = Math.min(firstMs * 2 ** (this.#idle - 1), longestMs);
    return Math.max(this.#askedMs, wait * (1 + Math.random()));
  }

  async #list(): Promise<string> {
    const { collection, signal } = this.#options;
    this.#idle++;
    const objects = new Map<string, T>();
    let next: string | undefined;
    let version: string;
    do {
      const page = await listPage<T>(collection, { next, signal });
      for (const object of page.items) objects.set(keyOf(object), object);
      ({ next, resourceVersion: version } = page);
    } while (next !== undefined);
    this.#idle--;
    this.#objects = objects;
    this.#tell();
    return version;
  }

  #tell(): void {
    this.#options.onChange([...this.#objects.values()]);
  }
}

function keyOf({ metadata: { namespace = "", name } }: Named): string {
  return `${namespace}/${name}`;
}
