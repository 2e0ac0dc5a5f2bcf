/** Background maintenance: expires objects, removes orphaned blobs, resumes the work of processes that died. */
import type { Blobs } from "./blobs/blobs.ts";
import type { Store } from "./store/store.ts";

/** Options of `startUpkeep`. */
export interface UpkeepOptions {
  readonly store: Store;
  readonly blobs: Blobs;
  /** Unix seconds. */
  readonly now: () => number;
  /** Calls the work again and again until it is disposed; once a minute when left out. */
  readonly schedule?: (work: () => void) => Disposable;
  /** Called for each step that failed; the next round tries again. */
  readonly onError: (error: unknown) => void;
}

/** Running upkeep. Disposing it waits for the round that runs. */
export interface Upkeep extends AsyncDisposable {
  /** One round, now; the running one when there is one. */
  run(): Promise<void>;
}

/** Objects that are read at once. */
const BATCH = 100;

const EVERY_MS = 60_000;

/**
 * Starts the rounds. In each, files and vector stores that have expired are removed (a store keeps its files' names),
 * bytes that no file names are deleted, and responses that a dead process left are failed. Several processes may do it
 * side by side.
 */
export function startUpkeep(options: UpkeepOptions): Upkeep {
  const { schedule = everyMinute, onError } = options;
  let running: Promise<void> | undefined;
  const run = () => {
    running ??= round(options).finally(() => running = undefined);
    return running;
  };
  const timer = schedule(() => void run().catch(onError));
  return {
    run,
    async [Symbol.asyncDispose]() {
      timer[Symbol.dispose]();
      await running;
    },
  };
}

async function round(options: UpkeepOptions): Promise<void> {
  for (const step of STEPS) {
    try {
      await step(options);
    } catch (error) {
      options.onError(error);
    }
  }
}

const STEPS: readonly ((options: UpkeepOptions) => Promise<unknown>)[] = [
  ({ store: { files }, now }) =>
    untilFew(
      () => files.expired(now(), BATCH),
      ({ tenant, entry }) => files.delete(tenant, entry.id),
    ),
  ({ store: { vectorStores }, now }) =>
    untilFew(
      () => vectorStores.expired(now(), BATCH),
      ({ tenant, entry }) => vectorStores.expire(tenant, entry.id),
    ),
  ({ store: { files }, blobs, now }) =>
    untilFew(() => files.garbage(now(), BATCH), async (blob) => {
      await blobs.delete(blob);
      await files.forget(blob);
    }),
  ({ store }) => store.recover(),
  ({ store }) => store.tidy(),
];

async function untilFew<T>(
  read: () => Promise<readonly T[]>,
  work: (entry: T) => Promise<unknown>,
): Promise<void> {
  while (true) {
    const entries = await read();
    for (const entry of entries) await work(entry);
    if (entries.length < BATCH) return;
  }
}

/** Does not keep the process alive. */
function everyMinute(work: () => void): Disposable {
  const timer = setInterval(work, EVERY_MS);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
