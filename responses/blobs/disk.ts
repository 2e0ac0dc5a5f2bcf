/** Blobs in a folder. */
import { join } from "node:path";
import { makePrivateFolder, messageOf, PRIVATE, UnavailableError } from "../../service/mod.ts";
import { blobKey, type Blobs, limited } from "./blobs.ts";

/**
 * Keeps blobs as files below a folder, in subfolders by the key's last two characters. A blob is written under another
 * name, synced, and put in place by a rename; then the folder is synced, so that it outlives a power failure too.
 *
 * @throws {UnavailableError} when the folder cannot be made
 */
export async function openDisk(folder: string): Promise<Blobs> {
  try {
    await makePrivateFolder(folder);
  } catch (error) {
    throw new UnavailableError(`Cannot keep files in "${folder}": ${messageOf(error)}`);
  }
  const placeOf = (key: string) => {
    const parent = join(folder, blobKey(key).slice(-2));
    return { parent, path: join(parent, key), partial: join(parent, `${key}.partial`) };
  };
  return {
    async put(key, body, limit) {
      const { parent, path, partial } = placeOf(key);
      await makePrivateFolder(parent);
      let bytes = 0;
      try {
        {
          using file = await Deno.open(partial, {
            write: true,
            create: true,
            truncate: true,
            ...PRIVATE,
          });
          // The file is closed here and not by the stream, so that it can be synced first.
          const sink = new WritableStream<Uint8Array>({ write: (chunk) => writeAll(file, chunk) });
          await body.pipeThrough(limited(limit, (total) => bytes = total)).pipeTo(sink);
          await file.sync();
        }
        await Deno.rename(partial, path);
        await syncFolder(parent);
        return bytes;
      } catch (error) {
        await removeIfThere(partial);
        throw error;
      }
    },
    async get(key) {
      try {
        return (await Deno.open(placeOf(key).path)).readable;
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    async delete(key) {
      const { path, partial } = placeOf(key);
      await removeIfThere(partial);
      await removeIfThere(path);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function writeAll(file: Deno.FsFile, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
}

/** Windows can neither open nor sync a folder; its file system orders the rename by itself. */
async function syncFolder(path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(path);
  await folder.sync();
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
