import { createHash } from "node:crypto";
import { UnavailableError } from "../../service/mod.ts";

/** SHA-256 of a file, hex. */
export async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
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
