/** Compiles a file of AssemblyScript, and prints the WebAssembly as JSON: `asc.ts FILE RUNTIME`. */
import { basename, dirname } from "node:path";
import asc from "assemblyscript/asc";

const [file = "", runtime = "stub"] = Deno.args;
const made = await Deno.makeTempDir({ prefix: "llmgate-asc-" });
try {
  // The names of functions are made of the path: the same one, wherever the file is.
  const { error, stderr } = await asc.main([
    ...[basename(file), "--baseDir", dirname(file), "--outFile", `${made}/out.wasm`],
    ...["-Oz", "--runtime", runtime, "--use", "abort=", "--exportStart", "_initialize"],
  ]);
  if (error) throw new Error(`${error.message}: ${stderr}`);
  console.log(JSON.stringify((await Deno.readFile(`${made}/out.wasm`)).toBase64()));
} finally {
  await Deno.remove(made, { recursive: true });
}
