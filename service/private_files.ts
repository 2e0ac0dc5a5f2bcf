/** Files and folders that nobody else on the machine reads: stores, uploads, recordings, run directories, logs. */

/** Owner only: 0700 and 0600. Systems without such modes keep their own. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Makes a folder, and those above it, for the owner alone. One that is there stays as it is. */
export async function makePrivateFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true, mode: FOLDER_MODE });
}

/**
 * Makes an empty file for the owner alone, before a library opens it; takes the rights of others away from one that is
 * there and ours.
 *
 * @throws the system's error when it cannot be written
 */
export function makePrivateFileSync(path: string): void {
  Deno.openSync(path, { append: true, create: true, mode: FILE_MODE }).close();
  try {
    Deno.chmodSync(path, FILE_MODE);
  } catch {
    // Another's file, or a system without modes: it stays as it is.
  }
}

/** Options of `Deno.open` and `Deno.writeTextFile` for a file of the owner alone. */
export const PRIVATE: { readonly mode: number } = { mode: FILE_MODE };

/**
 * Puts a text in the place of a file, or makes it: a reader finds the one before or the whole new one. What is written
 * first is a new file beside it, under a name that nobody can guess or have made before: in a folder that others write
 * to, a link of theirs would lead us elsewhere, and a file of theirs would keep its rights.
 *
 * @param mode rights of the file; the owner's alone when left out
 * @throws the system's error when it cannot be written
 */
export async function replaceFile(path: string, text: string, mode = FILE_MODE): Promise<void> {
  const part = `${path}.${crypto.randomUUID()}.part`;
  try {
    await Deno.writeTextFile(part, text, { mode, createNew: true });
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
  }
}

/** Rights of others to write into a folder, and the bit that keeps them from each other's entries there. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Makes sure that nobody else of the machine can put something else in the place of what we keep in a folder: it must
 * be ours or the system's, no link of somebody else, and not to be written by others, save as `/tmp` is.
 *
 * @throws {Error} that says why it is none
 */
export async function assertOwnFolder(path: string): Promise<void> {
  const own = Deno.uid();
  // Systems without owners have none to look at.
  if (own === null) return;
  const [link, folder] = await Promise.all([Deno.lstat(path), Deno.stat(path)]);
  if ([link, folder].some(({ uid }) => uid !== own && uid !== 0)) {
    throw new Error("it belongs to another user");
  }
  const mode = folder.mode ?? 0;
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) {
    throw new Error("other users can write into it");
  }
}
