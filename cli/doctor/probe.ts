/** The doctor's view of the machine, so that tests can replace it. */
import { deadlineSignal } from "../../service/mod.ts";

/** Output of a program; undefined code: it could not be started, or was stopped at the deadline. */
export interface Ran {
  readonly code: number | undefined;
  readonly text: string;
}

/** How the checks look at the machine; replaced in tests. */
export interface Probe {
  readonly os: typeof Deno.build.os;
  readonly arch: typeof Deno.build.arch;
  readonly deno: string;
  env(name: string): string | undefined;
  /** Runs a program to its end, at most `ms` milliseconds. Standard output and error together; never throws. */
  run(command: string, args: string[], ms?: number): Promise<Ran>;
  /** A small text file, or undefined. */
  read(path: string): Promise<string | undefined>;
  /** `HEAD`s a URL: its status, or why there is none. Never throws, at most `ms` milliseconds. */
  reach(url: string, ms: number): Promise<{ status: number; ms: number } | { failed: string }>;
}

/** A program that has not answered by then is hung, not slow. */
const RUN_DEADLINE_MS = 4_000;

/** The machine itself. */
export function machineProbe(env: (name: string) => string | undefined, deno: string): Probe {
  return {
    os: Deno.build.os,
    arch: Deno.build.arch,
    deno,
    env,
    run,
    read: (path) => Deno.readTextFile(path).catch(() => undefined),
    reach,
  };
}

async function run(command: string, args: string[], ms = RUN_DEADLINE_MS): Promise<Ran> {
  try {
    // The signal kills with SIGKILL, so that a program that ignores SIGTERM does not hold us.
    const child = new Deno.Command(command, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const deadline = setTimeout(() => child.kill("SIGKILL"), ms);
    try {
      const { code, signal, stdout, stderr } = await child.output();
      const decoder = new TextDecoder();
      const text = `${decoder.decode(stdout)}${decoder.decode(stderr)}`.trim();
      return signal === null ? { code, text } : { code: undefined, text: `stopped after ${ms} ms` };
    } finally {
      clearTimeout(deadline);
    }
  } catch (error) {
    return { code: undefined, text: error instanceof Error ? error.message : String(error) };
  }
}

async function reach(url: string, ms: number) {
  const started = performance.now();
  try {
    const response = await fetch(url, { method: "HEAD", signal: deadlineSignal(ms) });
    await response.body?.cancel();
    return { status: response.status, ms: Math.round(performance.now() - started) };
  } catch (error) {
    const failed = error instanceof DOMException && error.name === "TimeoutError"
      ? `no answer within ${ms} ms`
      : innermost(error);
    return { failed };
  }
}

/** fetch() says only "fetch failed"; the reason is in the error's cause. */
function innermost(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : innermost(error.cause);
}
