/** Child processes that cannot outlive the program. */
import { constants } from "node:os";
import { UnavailableError } from "./errors.ts";
import { withDeadline } from "./deadline.ts";

/** How a child ended: its exit code, and the signal that ended it, if one did. */
export interface ExitStatus {
  readonly code: number;
  readonly signal: string | null;
}

/** A child process that cannot outlive us. Disposing it stops it. */
export interface ChildProcess extends AsyncDisposable {
  /** The child's own process id (not the watchdog's). */
  readonly pid: number;
  /** Resolves when the child has ended, however that came about. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal; does nothing when the child has ended. */
  kill(signal: Deno.Signal): void;
  /** Sends SIGTERM, after `graceMs` SIGKILL, and waits until the child is gone. */
  stop(graceMs?: number): Promise<ExitStatus>;
}

/** Options of `startProcess`. */
export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** File that receives standard output (appended), or "null". */
  readonly stdout: "null" | { readonly file: string };
  /** File that receives standard error (appended), or "null". */
  readonly stderr: "null" | { readonly file: string };
  /** Milliseconds between SIGTERM and SIGKILL; 2,000 when not set. */
  readonly graceMs?: number;
}

/**
 * The watchdog. Its standard input is a pipe whose other end only we hold: when we are gone, even
 * by SIGKILL, `read` sees the end of it and the child is ended. `wait` passes the child's exit on.
 * A parent-death signal would need FFI or a tool that macOS lacks. File descriptor 3 keeps the
 * pipe, because a shell gives background commands /dev/null as their standard input. The files are
 * made before the child runs, so that whoever was told its id can read them; those and what the child
 * makes are for nobody else on the machine.
 */
const WATCHDOG = `
umask 077
exec 3<&0
out=$1 err=$2; shift 2
true >>"$out" 2>>"$err"
"$@" >>"$out" 2>>"$err" </dev/null 3<&- &
child=$!
( read -r _ <&3; kill -TERM "$child"; sleep 1; kill -KILL "$child" ) >/dev/null 2>&1 &
guard=$!
echo "$child"
exec >/dev/null
wait "$child"; code=$?
kill "$guard" 2>/dev/null
exit "$code"
`;

/** How long the watchdog may take to tell the child's process id: it only forks. */
const SPAWN_DEADLINE_MS = 5_000;

/**
 * Starts a child in a session of its own, so that Ctrl-C in a terminal reaches us and not it, and
 * under a watchdog, so that it cannot outlive us. Resolves when the child runs (or has failed to:
 * then `exited` tells code 126 or 127).
 *
 * @throws {UnavailableError} on Windows, or when no shell can be started
 */
export async function startProcess(options: ProcessOptions): Promise<ChildProcess> {
  if (Deno.build.os === "windows") {
    throw new UnavailableError(
      `Cannot start "${options.command}": child processes need Linux or macOS: use WSL2 on Windows`,
    );
  }
  const file = (target: ProcessOptions["stdout"]) => target === "null" ? "/dev/null" : target.file;
  const watchdog = new Deno.Command("/bin/sh", {
    args: [
      "-c",
      WATCHDOG,
      "llmgate-watchdog",
      file(options.stdout),
      file(options.stderr),
      options.command,
      ...options.args,
    ],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    detached: true,
  }).spawn();
  const pid = await withDeadline(
    readPid(watchdog.stdout),
    SPAWN_DEADLINE_MS,
    `Start "${options.command}"`,
  );
  return new Child(watchdog, pid, options.graceMs ?? 2_000);
}

class Child implements ChildProcess {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  readonly #graceMs: number;
  #ended = false;

  constructor(watchdog: Deno.ChildProcess, pid: number, graceMs: number) {
    this.pid = pid;
    this.#graceMs = graceMs;
    this.exited = this.#wait(watchdog);
  }

  kill(signal: Deno.Signal): void {
    if (this.#ended) return;
    try {
      Deno.kill(this.pid, signal);
    } catch (error) {
      // It may end between the check and the call.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async stop(graceMs = this.#graceMs): Promise<ExitStatus> {
    this.kill("SIGTERM");
    const timer = setTimeout(() => this.kill("SIGKILL"), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #wait(watchdog: Deno.ChildProcess): Promise<ExitStatus> {
    const { code, signal } = await watchdog.status;
    // Only a killed watchdog ends by a signal; the child then is without a guard.
    if (signal !== null) this.kill("SIGKILL");
    this.#ended = true;
    await watchdog.stdin.close().catch(() => {});
    return code > 128 && signal === null ? { code, signal: signalName(code - 128) } : {
      code,
      signal,
    };
  }
}

async function readPid(stdout: ReadableStream<Uint8Array>): Promise<number> {
  let text = "";
  const reader = stdout.pipeThrough(new TextDecoderStream()).getReader();
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  const pid = Number.parseInt(text);
  if (!(pid > 0)) throw new UnavailableError("Cannot start a child process: no shell at /bin/sh");
  return pid;
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `signal ${number}`;
}
