/** Reads one file out of a ZIP archive. */
import { UnavailableError } from "../../service/mod.ts";

/** Signatures and sizes of the ZIP format (PKWARE APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.16). */
const END_OF_DIRECTORY = 0x06054b50;
const END_OF_DIRECTORY_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const DIRECTORY_ENTRY = 0x02014b50;
const DIRECTORY_ENTRY_BYTES = 46;
const LOCAL_HEADER_BYTES = 30;
const STORED = 0;
const DEFLATED = 8;

interface ZipEntry {
  readonly method: number;
  readonly compressedBytes: number;
  readonly bytes: number;
  readonly offset: number;
}

/**
 * Writes one member of a ZIP archive to a file. Enough for a wheel: no encryption, no ZIP64 (an
 * archive below 4 GiB), stored or deflated.
 *
 * @throws {UnavailableError} when the archive is damaged or has no such member
 */
export async function extractZipMember(
  archivePath: string,
  options: { readonly member: string; readonly to: string },
): Promise<void> {
  using archive = await Deno.open(archivePath);
  const entry = await findEntry(archive, archivePath, options.member);
  const local = await readAt(archive, entry.offset, LOCAL_HEADER_BYTES);
  const skip = LOCAL_HEADER_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
  await archive.seek(entry.offset + skip, Deno.SeekMode.Start);
  const packed = take(archive, entry.compressedBytes);
  const out = await Deno.open(options.to, { write: true, create: true, truncate: true });
  const content = entry.method === STORED
    ? packed
    : packed.pipeThrough(new DecompressionStream("deflate-raw"));
  await content.pipeTo(out.writable);
  const { size } = await Deno.stat(options.to);
  if (size !== entry.bytes) {
    throw damaged(archivePath, `"${options.member}" has ${size} bytes instead of ${entry.bytes}`);
  }
}

async function findEntry(
  archive: Deno.FsFile,
  archivePath: string,
  member: string,
): Promise<ZipEntry> {
  const { size } = await archive.stat();
  const tailBytes = Math.min(size, END_OF_DIRECTORY_BYTES + MAX_COMMENT_BYTES);
  const tail = await readAt(archive, size - tailBytes, tailBytes);
  let end = tailBytes - END_OF_DIRECTORY_BYTES;
  while (end >= 0 && tail.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw damaged(archivePath, "it has no directory");
  const directory = await readAt(
    archive,
    tail.getUint32(end + 16, true),
    tail.getUint32(end + 12, true),
  );
  for (let at = 0; at + DIRECTORY_ENTRY_BYTES <= directory.byteLength;) {
    if (directory.getUint32(at, true) !== DIRECTORY_ENTRY) break;
    const nameBytes = directory.getUint16(at + 28, true);
    const name = new TextDecoder().decode(
      new Uint8Array(
        directory.buffer,
        directory.byteOffset + at + DIRECTORY_ENTRY_BYTES,
        nameBytes,
      ),
    );
    const method = directory.getUint16(at + 10, true);
    if (name === member && (method === STORED || method === DEFLATED)) {
      return {
        method,
        compressedBytes: directory.getUint32(at + 20, true),
        bytes: directory.getUint32(at + 24, true),
        offset: directory.getUint32(at + 42, true),
      };
    }
    at += DIRECTORY_ENTRY_BYTES + nameBytes + directory.getUint16(at + 30, true) +
      directory.getUint16(at + 32, true);
  }
  throw damaged(archivePath, `it has no "${member}"`);
}

async function readAt(file: Deno.FsFile, offset: number, length: number): Promise<DataView> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  for (let filled = 0; filled < length;) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) throw new UnavailableError("Cannot read the archive: it ends too early");
    filled += count;
  }
  return new DataView(bytes.buffer);
}

/** The next `length` bytes of a file as a stream, in large pieces. */
function take(file: Deno.FsFile, length: number): ReadableStream<Uint8Array<ArrayBuffer>> {
  let left = length;
  return new ReadableStream({
    async pull(controller) {
      const piece = new Uint8Array(Math.min(left, 1 << 20));
      const count = left === 0 ? null : await file.read(piece);
      if (count === null) return controller.close();
      left -= count;
      controller.enqueue(piece.subarray(0, count));
    },
  });
}

function damaged(path: string, why: string): UnavailableError {
  return new UnavailableError(`Cannot unpack "${path}": ${why}`);
}
