/**
 * Writes a program that a test then runs. Another process writes it: while this one has a file open for writing, any
 * other thread that starts a process gives it a copy of the open file for a moment, and Linux runs no file that somebody
 * can write to (ETXTBSY).
 */
export async function writeExecutable(path: string, content: string | Uint8Array): Promise<void> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'cat >"$0" && chmod 755 "$0"', path],
    stdin: "piped",
  }).spawn();
  await new Blob([content as BlobPart]).stream().pipeTo(child.stdin);
  const { success } = await child.status;
  if (!success) throw new Error(`Cannot write the program "${path}"`);
}
