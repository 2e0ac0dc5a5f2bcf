// deno-lint-ignore-file no-console -- a program of its own
/**
 * Writes what a release holds beside its binaries, into the folder of the binaries: SHA256SUMS, the Homebrew formula
 * llmgate.rb, the bill of materials llmgate.cdx.json, completions and the manual page.
 *
 *   deno run -A scripts/release_files.ts dist/
 */
import { join } from "node:path";
import formula from "../packaging/llmgate.rb.template" with { type: "text" };
import lock from "../deno.lock" with { type: "text" };
import { denoHost, main, VERSION } from "../cli/mod.ts";
import { DEFAULT_ENVOY_VERSION } from "../envoy/mod.ts";
import { programGraph } from "./build/graph.ts";
import { cycloneDx } from "./build/sbom.ts";
import { sha256 } from "./build/self_extracting.ts";

const RELEASES = "https://github.com/llmgate/llmgate/releases";

/** The lines of `sha256sum`, sorted by name. */
export async function checksums(folder: string): Promise<Map<string, string>> {
  const names = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /^llmgate[-_]/.test(name)) names.push(name);
  }
  const sums = new Map<string, string>();
  for (const name of names.sort()) sums.set(name, sha256(await Deno.readFile(join(folder, name))));
  return sums;
}

/**
 * The formula of a release.
 *
 * @throws {Error} when the release lacks a binary that the formula names
 */
export function homebrewFormula(version: string, sums: ReadonlyMap<string, string>): string {
  return formula.replaceAll("@VERSION@", version).replaceAll("@RELEASES@", RELEASES).replaceAll(
    /@SHA256_([^@]+)@/g,
    (_, target) => {
      const sum = sums.get(`llmgate-${target}`);
      if (sum === undefined) {
        throw new Error(`Cannot write the formula: llmgate-${target} is missing`);
      }
      return sum;
    },
  );
}

async function billOfMaterials(): Promise<string> {
  const root = join(import.meta.dirname ?? ".", "..");
  const epoch = Number(Deno.env.get("SOURCE_DATE_EPOCH") ?? Math.floor(Date.now() / 1_000));
  const list = cycloneDx(await programGraph(root), JSON.parse(lock), {
    version: VERSION,
    deno: Deno.version.deno,
    envoy: DEFAULT_ENVOY_VERSION,
    timestamp: new Date(epoch * 1_000),
  });
  return `${JSON.stringify(list, null, 2)}\n`;
}

/** Returns the standard output of a command. */
async function printed(words: string[]): Promise<string> {
  let text = "";
  const host = denoHost();
  const stdout = { ...host.stdout, write: (part: string) => void (text += part) };
  const code = await main(words, { ...host, stdout, revoke: () => Promise.resolve() });
  if (code !== 0) throw new Error(`Cannot run "llmgate ${words.join(" ")}": exit code ${code}`);
  return text;
}

if (import.meta.main) {
  const [folder] = Deno.args;
  if (folder === undefined) {
    console.error("Usage: deno run -A scripts/release_files.ts FOLDER");
    Deno.exit(2);
  }
  const sums = await checksums(folder);
  const files: Record<string, string> = {
    SHA256SUMS: [...sums].map(([name, sum]) => `${sum}  ${name}\n`).join(""),
    "llmgate.rb": homebrewFormula(VERSION, sums),
    "llmgate.cdx.json": await billOfMaterials(),
    "llmgate.1": await printed(["help", "--man"]),
    "llmgate.bash": await printed(["completions", "bash"]),
    "llmgate.zsh": await printed(["completions", "zsh"]),
    "llmgate.fish": await printed(["completions", "fish"]),
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(join(folder, name), text);
    console.log(join(folder, name));
  }
}
