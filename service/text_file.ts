/** Reads files that people name. */
import { GrowingBytes } from "./growing_bytes.ts";

/** Longest such file, bytes: dumps of large meshes have some tens of mebibytes, and a device has no end. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Reads a file as UTF-8; what is none becomes U+FFFD, and a byte order mark stays. Pipes are read to their end.
 *
 * @throws {RangeError} for one that is longer than 256 MiB, or has no end
 * @throws the system's error when it cannot be read
 */
export async function readTextFile(path: string, maxBytes = MAX_BYTES): Promise<string> {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let text = "";
  for await (const chunk of chunksOf(path, maxBytes)) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Reads a file that is read again whenever it changes. A pipe or a device in its place is refused: opening one may wait
 * for ever. Throws as {@linkcode readTextFile} does.
 *
 * @throws {TypeError} for one that is no regular file
 */
export async function readPlainTextFile(path: string): Promise<string> {
  if (!(await Deno.stat(path)).isFile) throw new TypeError("it is no regular file");
  return await readTextFile(path);
}

/** Reads a file as it is. Throws as {@linkcode readTextFile} does. */
export async function readFileBytes(path: string, maxBytes = MAX_BYTES): Promise<Uint8Array> {
  const bytes = new GrowingBytes();
  for await (const chunk of chunksOf(path, maxBytes)) bytes.push(chunk);
  return bytes.take();
}

async function* chunksOf(path: string, maxBytes: number): AsyncGenerator<Uint8Array> {
  const { readable } = await Deno.open(path);
  let bytes = 0;
  for await (const chunk of readable) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new RangeError(`it is longer than ${maxBytes >> 20} MiB`);
    yield chunk;
  }
}
