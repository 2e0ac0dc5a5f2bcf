// deno-lint-ignore-file no-console -- a program of its own
/**
 * Bundles the console's page into the text that `console/` embeds. Its packages have a project of their own, so that
 * only who changes the page fetches them. Run it after a change of `console/page/`: `deno task console`.
 */
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../console/page/", import.meta.url));

/** Returns the bundle of the page, minified. */
export async function bundleConsole(): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "bundle",
        "--quiet",
        "--frozen",
        "--platform",
        "browser",
        "--minify",
        "-o",
        file,
        "main.ts",
      ],
      cwd: FOLDER,
      stderr: "piped",
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readTextFile(file);
  } finally {
    await Deno.remove(file);
  }
}

if (import.meta.main) {
  const text = await bundleConsole();
  await Deno.writeTextFile(`${FOLDER}console.js.txt`, text);
  console.log(`console.js.txt: ${text.length} bytes`);
}
