/** Writes new files into a folder. */
import { dirname, join } from "node:path";
import { messageOf, UsageError } from "../service/mod.ts";

/** A file to write: its name in the folder, and its text. */
export interface NewFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Writes files into a folder, which is made when missing, and returns their paths. Nothing is
 * written when one of them is there already, unless `force` says so.
 *
 * @throws {UsageError} for a file that is there already, or that cannot be written
 */
export async function writeFolder(
  folder: string,
  files: readonly NewFile[],
  { force }: { force: boolean },
): Promise<string[]> {
  const targets = files.map(({ name, text }) => ({ path: join(folder, name), text }));
  if (!force) { for (const { path } of targets) await assertAbsent(path); }
  for (const place of new Set([folder, ...targets.map(({ path }) => dirname(path))])) {
    try {
      await Deno.mkdir(place, { recursive: true });
    } catch (error) {
      throw new UsageError(`Cannot make the folder "${place}": ${messageOf(error)}`);
    }
  }
  for (const { path, text } of targets) {
    await Deno.writeTextFile(path, text).catch((error) => {
      throw new UsageError(`Cannot write "${path}": ${messageOf(error)}`);
    });
  }
  return targets.map(({ path }) => path);
}

async function assertAbsent(path: string): Promise<void> {
  const info = await Deno.lstat(path).catch(() => undefined);
  if (info !== undefined) {
    throw new UsageError(
      `Cannot write "${path}": it is there already: use --force to write over it`,
    );
  }
}
