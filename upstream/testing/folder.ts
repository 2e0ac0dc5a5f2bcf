/** A temporary folder with files in it. */

/** Writes files into a new folder; disposing it removes them. */
export async function folder(files: Record<string, string>): Promise<string & Disposable> {
  const path = await Deno.makeTempDir();
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${path}/${name}`, text);
  }
  return Object.assign(path, {
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  });
}
