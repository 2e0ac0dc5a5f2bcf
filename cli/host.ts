/** Everything of the outside world that the command line may touch, so that tests can replace it. */
export interface Host {
  /** Environment variable as it was at the start, or undefined when unset or not readable. */
  env(name: string): string | undefined;
  /** Every environment variable; for `doctor` and for children. */
  environment(): Record<string, string>;
  readonly cwd: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Reads standard input to its end. */
  stdin(): Promise<string>;
  /** Calls `handler` at each arrival of `signal` until disposed; a no-op where the system lacks it. */
  onSignal(signal: Deno.Signal, handler: () => void): Disposable;
  /** Revokes permission classes for the rest of the process. */
  revoke(permissions: readonly PermissionName[]): Promise<void>;
  /** Wall clock, for what people read. */
  now(): Date;
  /** Milliseconds of a clock that is never set. */
  elapsed(): number;
  readonly runtime: Runtime;
}

/** Deno's names; its types lack `import`, which its runtime has. */
export type PermissionName = Deno.PermissionName | "import";

/** One standard stream of the process. */
export interface Output {
  /** Writes at once. Once the reader has gone (`| head`), further text is dropped and `closed` is true. */
  write(text: string): void;
  readonly closed: boolean;
  readonly isTerminal: boolean;
  /** Width in columns: 80 when it is not a terminal. */
  readonly columns: number;
  /** Called once when the reader has gone. */
  onClosed(handler: () => void): void;
}

/** Facts about the machine. */
export interface Runtime {
  readonly deno: string;
  readonly v8: string;
  readonly os: typeof Deno.build.os;
  readonly arch: typeof Deno.build.arch;
  readonly pid: number;
  /** The running executable: Deno itself, or the compiled program. */
  readonly execPath: string;
  /**
   * `source`: run by Deno; `compiled`: made by `deno compile`; `self-extracting`: the other kind of binary; `package`: the
   * bundle of an npm package or a wheel.
   */
  readonly kind: "source" | "compiled" | "self-extracting" | "package";
}

/** Set by the self-extracting program for its bundle; holds the path of the program as the user called it. */
export const SELF_EXTRACTING_ENV = "LLMGATE_PROGRAM";

/** The host of a real run. */
export function denoHost(): Host {
  // A copy, because a command may run without the permission to read the environment.
  const environment = readEnvironment();
  const program = environment[SELF_EXTRACTING_ENV];
  return {
    env: (name) => environment[name],
    environment: () => ({ ...environment }),
    cwd: Deno.cwd(),
    stdout: standardOutput(Deno.stdout),
    stderr: standardOutput(Deno.stderr),
    stdin: () => new Response(Deno.stdin.readable).text(),
    onSignal,
    revoke,
    now: () => new Date(),
    elapsed: () => performance.now(),
    runtime: {
      deno: Deno.version.deno,
      v8: Deno.version.v8,
      os: Deno.build.os,
      arch: Deno.build.arch,
      pid: Deno.pid,
      execPath: program ?? Deno.execPath(),
      kind: program !== undefined
        ? "self-extracting"
        : Deno.build.standalone
        ? "compiled"
        : "LLMGATE_BUILD" in globalThis
        ? "package"
        : "source",
    },
  };
}

function readEnvironment(): Record<string, string> {
  try {
    return Deno.env.toObject();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return {};
    throw error;
  }
}

function onSignal(signal: Deno.Signal, handler: () => void): Disposable {
  try {
    Deno.addSignalListener(signal, handler);
  } catch (error) {
    // Windows has no SIGTERM and no SIGHUP that can be listened to.
    if (error instanceof TypeError) return { [Symbol.dispose]: () => {} };
    throw error;
  }
  return { [Symbol.dispose]: () => Deno.removeSignalListener(signal, handler) };
}

async function revoke(permissions: readonly PermissionName[]): Promise<void> {
  for (const name of permissions) {
    await Deno.permissions.revoke({ name } as Deno.PermissionDescriptor);
  }
}

function standardOutput(stream: typeof Deno.stdout): Output {
  const encoder = new TextEncoder();
  const handlers: (() => void)[] = [];
  let closed = false;
  return {
    write(text) {
      if (closed) return;
      try {
        writeAll(stream, encoder.encode(text));
      } catch (error) {
        // The reader of a pipe may leave early; that ends our talking, and is no error.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
        closed = true;
        for (const handler of handlers) handler();
      }
    },
    get closed() {
      return closed;
    },
    isTerminal: stream.isTerminal(),
    get columns() {
      return stream.isTerminal() ? terminalColumns() : 80;
    },
    onClosed: (handler) => void handlers.push(handler),
  };
}

function writeAll(stream: typeof Deno.stdout, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(stream.writeSync(rest));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      // A pipe that another process made non-blocking: wait a moment for its reader.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}
