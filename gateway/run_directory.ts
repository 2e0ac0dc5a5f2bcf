/** The folder of one run, and the sweep of those that earlier runs left. */
import { basename, dirname, join } from "node:path";
import { assertOwnFolder, makePrivateFolder, UnavailableError } from "../service/mod.ts";

/** How many folders of ended runs are left: those of failed runs, and of runs that were killed. */
export const KEPT_RUNS = 5;

/** Locked by the run that the folder belongs to, as long as it lives. */
const LOCK_FILE = "run.lock";

/** Names of the folders of runs, and of those that are being made or removed. */
const RUN_PREFIX = "run-";
const TEMPORARY_PREFIX = "tmp-";

/** Making or removing a folder takes milliseconds; one that is older than this, in ms, was given up. */
const TEMPORARY_MS = 60_000;

/** A folder that holds what one run wrote: configuration as launched, logs, last evidence. */
export interface RunDirectory {
  readonly path: string;
  /** Leaves the folder on disk when the run ends: somebody asked for it, or something failed. */
  keep(): void;
  readonly kept: boolean;
  /** Removes the folder, unless it is kept. */
  close(): Promise<void>;
}

/**
 * Makes the folder of a run: `given` when the user named one (it is kept then), else a fresh one
 * in the first of `parents` that can be written. A fresh one sweeps beside it: of the runs that have
 * ended, the newest {@linkcode KEPT_RUNS} are left. Whether a run has ended is asked of the lock that
 * it holds, so runs of other processes, and of other containers on the same disk, are safe.
 *
 * @throws {UnavailableError} that names the folder and the reason when none can be made
 */
export async function makeRunDirectory(
  options: { given?: string | undefined; parents: readonly string[] },
): Promise<RunDirectory> {
  const { given, parents } = options;
  const { path, lock } = given === undefined
    ? await fresh(parents)
    : { path: await named(given), lock: undefined };
  let kept = given !== undefined;
  const swept = given === undefined ? sweep(dirname(path)).catch(() => {}) : undefined;
  return {
    path,
    keep: () => void (kept = true),
    get kept() {
      return kept;
    },
    async close() {
      await swept;
      if (!kept) await discard(path);
      await giveBack(lock);
    },
  };
}

async function named(path: string): Promise<string> {
  try {
    await makePrivateFolder(path);
    return await Deno.realPath(path);
  } catch (error) {
    throw new UnavailableError(
      `Cannot use the run directory "${path}": ${reason(error)}: name a folder that can be written`,
    );
  }
}

/** Makes a folder and locks it; it gets its name last, so that nobody sees it without its lock. */
async function fresh(parents: readonly string[]): Promise<{ path: string; lock: Deno.FsFile }> {
  const failures: string[] = [];
  for (const parent of parents) {
    try {
      await makePrivateFolder(parent);
      // The fallback has a name that everybody knows, in a folder that is everybody's.
      await assertOwnFolder(parent);
      const made = await Deno.makeTempDir({ dir: parent, prefix: TEMPORARY_PREFIX });
      const lock = await Deno.open(join(made, LOCK_FILE), { write: true, createNew: true });
      await lock.lock(true);
      const path = join(parent, basename(made).replace(TEMPORARY_PREFIX, RUN_PREFIX));
      await Deno.rename(made, path);
      return { path, lock };
    } catch (error) {
      failures.push(`"${parent}": ${reason(error)}`);
    }
  }
  throw new UnavailableError(
    `Cannot make a run directory: ${failures.join("; ")}: name one with --run-dir`,
  );
}

/** Removes all but the newest of the runs that have ended. What cannot be removed stays. */
async function sweep(parent: string): Promise<void> {
  const runs: { path: string; changed: number }[] = [];
  for await (const { name, isDirectory } of Deno.readDir(parent)) {
    if (!isDirectory) continue;
    const path = join(parent, name);
    const changed = await Deno.stat(path).then(
      ({ mtime }) => mtime?.getTime() ?? 0,
      () => undefined,
    );
    // Another run sweeps here at the same time.
    if (changed === undefined) continue;
    if (name.startsWith(RUN_PREFIX)) runs.push({ path, changed });
    else if (name.startsWith(TEMPORARY_PREFIX) && Date.now() - changed > TEMPORARY_MS) {
      await remove(path);
    }
  }
  runs.sort((a, b) => b.changed - a.changed);
  let ended = 0;
  for (const { path } of runs) {
    const lock = await lockOfEnded(path);
    if (lock === undefined) continue;
    if (++ended > KEPT_RUNS) await discard(path);
    await giveBack(lock);
  }
}

/** Renames a folder before removing it, so that one that is half removed never counts as a run. */
async function discard(path: string): Promise<void> {
  const name = basename(path).replace(RUN_PREFIX, TEMPORARY_PREFIX);
  const temporary = join(dirname(path), name);
  await Deno.rename(path, temporary).then(() => remove(temporary), () => {});
}

async function remove(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch(() => {});
}

/** Locks a run that has ended, so that only one process sweeps it; undefined when the run lives, or is gone. */
async function lockOfEnded(path: string): Promise<Deno.FsFile | undefined> {
  let file: Deno.FsFile & { tryLock?(exclusive: boolean): Promise<boolean> };
  try {
    file = await Deno.open(join(path, LOCK_FILE), { write: true });
  } catch {
    return undefined;
  }
  // Deno before 2.9 can only wait for a lock: nothing is swept there.
  if (await file.tryLock?.(true)) return file;
  file.close();
  return undefined;
}

/** Closing alone is not enough: a process that is just being started holds a copy of the open file, lock and all. */
async function giveBack(lock: Deno.FsFile | undefined): Promise<void> {
  await lock?.unlock();
  lock?.close();
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
