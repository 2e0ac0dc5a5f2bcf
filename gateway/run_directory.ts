import { UnavailableError } from "../service/mod.ts";

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
 * in the first of `parents` that can be written.
 *
 * @throws {UnavailableError} that names the folder and the reason when none can be made
 */
export async function makeRunDirectory(
  options: { given?: string | undefined; parents: readonly string[] },
): Promise<RunDirectory> {
  const path = options.given === undefined
    ? await fresh(options.parents)
    : await named(options.given);
  let kept = options.given !== undefined;
  return {
    path,
    keep: () => void (kept = true),
    get kept() {
      return kept;
    },
    async close() {
      if (!kept) await Deno.remove(path, { recursive: true }).catch(() => {});
    },
  };
}

async function named(path: string): Promise<string> {
  try {
    await Deno.mkdir(path, { recursive: true });
    return await Deno.realPath(path);
  } catch (error) {
    throw new UnavailableError(
      `Cannot use the run directory "${path}": ${reason(error)}: name a folder that can be written`,
    );
  }
}

async function fresh(parents: readonly string[]): Promise<string> {
  const failures: string[] = [];
  for (const parent of parents) {
    try {
      await Deno.mkdir(parent, { recursive: true });
      return await Deno.makeTempDir({ dir: parent, prefix: "run-" });
    } catch (error) {
      failures.push(`"${parent}": ${reason(error)}`);
    }
  }
  throw new UnavailableError(
    `Cannot make a run directory: ${failures.join("; ")}: name one with --run-dir`,
  );
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
