/** A host for tests. */
import type { Host } from "./host.ts";

/** A host whose streams are text, and whose signals are sent by hand. For tests. */
export interface FakeHost extends Host {
  /** Everything written to standard output, and to standard error. */
  out(): string;
  err(): string;
  send(signal: Deno.Signal): void;
  /** Lets time pass, milliseconds. */
  pass(ms: number): void;
  /** The reader of standard output leaves, as `| head` does. */
  closeOutput(): void;
  readonly revoked: string[];
}

/** Makes a host that touches nothing of this process. */
export function fakeHost(
  options: { env?: Record<string, string>; terminal?: boolean; stdin?: string; cwd?: string } = {},
): FakeHost {
  const text = { out: "", err: "" };
  const handlers = new Map<Deno.Signal, Set<() => void>>();
  const closers: (() => void)[] = [];
  const revoked: string[] = [];
  let closed = false;
  let elapsed = 0;
  const output = (name: "out" | "err") => ({
    write(line: string) {
      if (name === "err" || !closed) text[name] += line;
    },
    get closed() {
      return name === "out" && closed;
    },
    isTerminal: options.terminal ?? false,
    columns: 80,
    onClosed: (handler: () => void) => void (name === "out" && closers.push(handler)),
  });
  return {
    env: (name) => options.env?.[name],
    environment: () => ({ ...options.env }),
    cwd: options.cwd ?? Deno.cwd(),
    stdout: output("out"),
    stderr: output("err"),
    stdin: () => Promise.resolve(options.stdin ?? ""),
    onSignal(signal, handler) {
      const all = handlers.get(signal) ?? new Set();
      handlers.set(signal, all.add(handler));
      return { [Symbol.dispose]: () => void all.delete(handler) };
    },
    // The test's own process keeps its permissions.
    revoke: (permissions) => Promise.resolve(void revoked.push(...permissions)),
    now: () => new Date("2026-01-02T03:04:05Z"),
    elapsed: () => elapsed,
    runtime: {
      deno: "2.9.6",
      v8: "14.0",
      os: "linux",
      arch: "x86_64",
      pid: 4711,
      execPath: "/usr/bin/llmgate",
      kind: "source",
    },
    out: () => text.out,
    err: () => text.err,
    send: (signal) => handlers.get(signal)?.forEach((handler) => handler()),
    pass: (ms) => void (elapsed += ms),
    closeOutput() {
      closed = true;
      for (const handler of closers) handler();
    },
    revoked,
  };
}
