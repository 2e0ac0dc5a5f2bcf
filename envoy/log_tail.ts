/** How much of a log's end is read: a few hundred of Envoy's lines. */
const TAIL_BYTES = 64 * 1024;

/**
 * Returns the last lines of Envoy's log that say what went wrong: those at level warning and
 * above when there are any, the very last ones otherwise. A missing file gives an empty text.
 */
export async function lastLines(path: string, count: number): Promise<string> {
  const lines = (await tail(path)).split("\n").filter((line) => line.trim() !== "");
  const serious = lines.filter((line) => /\]\[(warning|error|critical)\]/.test(line));
  // Protobuf puts stray spaces into its messages, so that nobody parses them.
  return (serious.length > 0 ? serious : lines).slice(-count)
    .map((line) => line.replace(/ {2,}/g, " ").trimEnd()).join("\n");
}

async function tail(path: string): Promise<string> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch {
    return "";
  }
  // Reading `readable` to its end closes the file.
  const { size } = await file.stat();
  await file.seek(Math.max(0, size - TAIL_BYTES), Deno.SeekMode.Start);
  return await new Response(file.readable).text();
}
