/** Compares a file with its checksum. */
import { createHash } from "node:crypto";
import { UnavailableError } from "../../service/mod.ts";

/** SHA-256 of a file, hex. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  // In large pieces: the file's own stream, in small ones, takes more than twice the CPU time.
  const piece = new Uint8Array(1 << 20);
  for (let count; (count = await file.read(piece)) !== null;) hash.update(piece.subarray(0, count));
  return hash.digest("hex");
}

/**
 * Makes sure that a download is what was published.
 *
 * @throws {UnavailableError} with both sums, when it is not
 */
export async function assertSha256(path: string, expected: string, what: string): Promise<void> {
  const actual = await fileSha256(path);
  if (actual === expected.toLowerCase()) return;
  throw new UnavailableError(
    `the download of ${what} is corrupted: its SHA-256 is ${actual}, published is ${expected}`,
  );
}
