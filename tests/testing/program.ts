/** Runs the program as a user would: as a process of its own, seen through its streams and exit code. */
import { whoListens } from "../../service/mod.ts";
import { TextLineStream } from "./text_line_stream.ts";
import { envoyPath } from "./stack.ts";

/** A running program. Disposing it kills it. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
  /** Returns the next line of standard output; rejects when it ends before. */
  line(): Promise<string>;
  /** Resolves when standard error so far, from the last match on, matches; rejects when the program ends before. */
  errorText(pattern: RegExp): Promise<void>;
  /** Resolves with exit code and the whole of standard error. */
  readonly ended: Promise<{ code: number; stderr: string }>;
  kill(signal: Deno.Signal): void;
  /** Sends a signal to all of its process group, as a terminal does on Ctrl-C. */
  killGroup(signal: Deno.Signal): void;
}

/** How to run the program. */
export interface ProgramOptions {
  readonly env?: Record<string, string>;
  /**
   * Runs it below a shell, as `npx` and `deno task` do; with "passes signals on" below a program in a process group of
   * its own, which passes on what it gets, as those do as well.
   */
  readonly launcher?: boolean | "passes signals on";
  readonly clearEnv?: boolean;
  /** The module to run in place of `main.ts`. */
  readonly main?: string;
  /** The program itself, in place of Deno and the source: a binary. */
  readonly command?: string;
  readonly cwd?: string;
}

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const LAUNCHER = new URL("../testdata/launcher.ts", import.meta.url).pathname;

/** Every port free: what a test adds to `dev`. */
export const FREE_PORT_FLAGS = [
  "--port",
  "--admin-port",
  "--policy-port",
  "--upstream-port",
  "--control-port",
]
  .flatMap((flag) => [flag, "0"]);

/** Starts `llmgate <words>` from source. */
export function startProgram(words: readonly string[], options: ProgramOptions = {}): Program {
  const own = options.command === undefined
    ? [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", options.main ?? MAIN, ...words]
    : [options.command, ...words];
  const isGroup = options.launcher === "passes signals on";
  // The second command keeps the shell from becoming the program.
  const argv = isGroup
    ? [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", LAUNCHER, ...own]
    : options.launcher
    ? ["/bin/sh", "-c", `${own.map((word) => `'${word}'`).join(" ")}; exit $?`]
    : own;
  const [command = "", ...args] = argv;
  const child = new Deno.Command(command, {
    args,
    env: options.env ?? {},
    clearEnv: options.clearEnv ?? false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    detached: isGroup,
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())
    .getReader();
  const said = new SaidText();
  const stderr = said.follow(child.stderr);
  const ended = child.status.then(async ({ code }) => ({ code, stderr: await stderr }));
  return {
    pid: child.pid,
    ended,
    async line() {
      const { value, done } = await lines.read();
      if (!done) return value;
      const { code, stderr } = await ended;
      throw new Error(`The program ended with code ${code}: ${stderr}`);
    },
    errorText: (pattern) => said.match(pattern),
    kill: (signal) => child.kill(signal),
    killGroup: (signal) => Deno.kill(-child.pid, signal),
    async [Symbol.asyncDispose]() {
      try {
        if (isGroup) Deno.kill(-child.pid, "SIGKILL");
        else child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await lines.cancel();
      await ended;
    },
  };
}

/** Text that comes bit by bit, and those who wait for some of it. */
class SaidText {
  #text = "";
  #from = 0;
  #isOver = false;
  #more = Promise.withResolvers<void>();

  /** Resolves with the whole text at its end. */
  async follow(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
    for await (const piece of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += piece;
      this.#wake();
    }
    this.#isOver = true;
    this.#wake();
    return this.#text;
  }

  async match(pattern: RegExp): Promise<void> {
    for (;;) {
      const found = pattern.exec(this.#text.slice(this.#from));
      if (found !== null) {
        this.#from += found.index + found[0].length;
        return;
      }
      if (this.#isOver) throw new Error(`It never said ${pattern}: ${this.#text}`);
      await this.#more.promise;
    }
  }

  #wake(): void {
    const { resolve } = this.#more;
    this.#more = Promise.withResolvers<void>();
    resolve();
  }
}

/** Starts `llmgate dev --json` on free ports and returns it with its ready line. */
export async function startDev(words: readonly string[] = [], options: ProgramOptions = {}) {
  const path = await envoyPath();
  const program = startProgram(
    ["dev", "--json", ...FREE_PORT_FLAGS, "--envoy-path", path, ...words],
    options,
  );
  const ready = JSON.parse(await program.line());
  return { ready, program, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

/** Is there a process with this id that has not ended? */
export function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state = "", ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // proc(5), field 20: a process whose first thread has ended holds its ports until the last one has.
    const threads = Number(fields[16]);
    return !/^[ZX]/.test(state) || threads > 1;
  } catch {
    if (Deno.build.os === "linux") return false;
    return new Deno.Command("ps", { args: ["-p", String(pid)], stdout: "null" }).outputSync()
      .success;
  }
}

/** Waits until a process has ended; the test's own time limit bounds it. */
export async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** Does anybody accept connections there? */
async function accepts(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url.includes("://") ? url : `tcp://${url}`);
  try {
    (await Deno.connect({ hostname, port: Number(port) })).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * Does one of these processes still accept connections there? A port that they gave back may have
 * been given to another test meanwhile.
 */
export async function stillAccepts(url: string, pids: readonly number[]): Promise<boolean> {
  if (!await accepts(url)) return false;
  const { port } = new URL(url.includes("://") ? url : `tcp://${url}`);
  const holder = await whoListens(Number(port));
  return pids.some((pid) => holder?.endsWith(`(pid ${pid})`));
}
