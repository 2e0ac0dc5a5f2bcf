/** Binaries of each kind, made once, and machines that have nothing else. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedEnvoyPath, currentPlatform, DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { type Program, startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

/** A kind of binary, and the flags that make it. */
export interface Kind {
  readonly name: "self-extracting" | "compiled";
  readonly flags: readonly string[];
}

const COMPILER = Deno.env.get("LLMGATE_COMPILER");
/** The kinds that can be made here. */
export const KINDS: readonly Kind[] = [
  { name: "self-extracting", flags: ["--self-extracting"] },
  ...(COMPILER === undefined
    ? []
    : [{ name: "compiled", flags: ["--compiler", COMPILER] } as const]),
];

/** Programs that a shell script needs to unpack itself: no Deno, no Node, no Python, no curl. */
const TOOLS = "sh cat chmod cut find gzip head id mkdir mv rm sha256sum shasum tail".split(" ");

/** A machine of its own: an empty working folder, a home, and a PATH of links. */
export interface Machine extends AsyncDisposable {
  readonly folder: string;
  readonly home: string;
  readonly binary: string;
  readonly env: Record<string, string>;
  /** Runs the binary to its end. */
  run(words: readonly string[], env?: Record<string, string>): Promise<Ended>;
  start(words: readonly string[]): Program;
  /** Puts an Envoy into the cache, as `envoy fetch` would have. */
  fillCache(): Promise<void>;
}

/** How the binary ended. */
interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const folder = await Deno.makeTempDir({ prefix: "llmgate binaries " });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const built = new Map<string, Promise<string>>();

/** Compiles a binary of this kind once. */
export function binary({ name, flags }: Kind, more: readonly string[] = []): Promise<string> {
  const key = [name, ...more].join(" ");
  let path = built.get(key);
  if (path === undefined) {
    path = compile(join(folder, key, "llmgate"), [...flags, ...more]);
    built.set(key, path);
  }
  return path;
}

/** Compiles a binary into a file, and returns its path. */
export async function compile(output: string, flags: readonly string[]): Promise<string> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "scripts/compile.ts", "--output", output, ...flags],
    cwd: fileURLToPath(import.meta.resolve("../..")),
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return output;
}

/** Makes a machine for a binary; disposing removes it. */
export async function machine(binary: string): Promise<Machine> {
  const root = await Deno.makeTempDir({ prefix: "llmgate machine " });
  const [work, home, bin] = ["work", "home", "bin"].map((name) => join(root, name));
  assert.ok(work && home && bin);
  for (const name of [work, home, bin]) await Deno.mkdir(name);
  for (const tool of TOOLS) {
    for (const directory of ["/usr/bin", "/bin"]) {
      const path = join(directory, tool);
      if (await Deno.stat(path).then(() => true, () => false)) {
        await Deno.symlink(path, join(bin, tool));
        break;
      }
    }
  }
  const env = { PATH: bin, HOME: home };
  return {
    folder: work,
    home,
    binary,
    env,
    async run(words, more = {}) {
      const { code, stdout, stderr } = await new Deno.Command(binary, {
        args: [...words],
        cwd: work,
        clearEnv: true,
        env: { ...env, ...more },
      }).output();
      const decoder = new TextDecoder();
      return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
    },
    start: (words) => startProgram(words, { command: binary, cwd: work, clearEnv: true, env }),
    async fillCache() {
      const cached = cachedEnvoyPath(
        join(home, ".local/share/llmgate"),
        DEFAULT_ENVOY_VERSION,
        currentPlatform(),
      );
      await Deno.mkdir(join(cached, ".."), { recursive: true });
      await Deno.symlink(await envoyPath(), cached);
    },
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}
