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
