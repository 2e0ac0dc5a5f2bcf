/** The user's cache of Envoy executables. */
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, UnavailableError } from "../../service/mod.ts";
import { fileSha256 } from "./checksum.ts";
import type { Platform } from "./platform.ts";

/** Stands for the home of an account that has none, as in Debian's list of accounts. */
const NO_HOME = "/nonexistent";

/** Reads one environment variable. */
export type Env = (name: string) => string | undefined;

/**
 * Returns the folder that holds what this program keeps between runs: `LLMGATE_HOME`, else the
 * system's place for data (XDG Base Directory Specification; `Library` on macOS).
 */
export function dataHome(env: Env, os: typeof Deno.build.os = Deno.build.os): string {
  const own = env("LLMGATE_HOME");
  if (own) return own;
  const home = homeOf(env);
  if (os === "darwin") return join(home, "Library", "Application Support", "llmgate");
  return join(env("XDG_DATA_HOME") || join(home, ".local", "share"), "llmgate");
}

/** The user's home: `HOME`, else the one that the system has for the account; never the working folder. */
function homeOf(env: Env): string {
  const home = env("HOME");
  if (home) return home;
  try {
    return homedir() || NO_HOME;
  } catch {
    // The runtime may not ask the system.
    return NO_HOME;
  }
}

/** Returns where an Envoy of this version is kept, whether or not it is there. */
export function cachedEnvoyPath(home: string, version: string, platform: Platform): string {
  return join(home, "envoy", version, platform.replace("/", "-"), "envoy");
}

/** Returns the places where func-e keeps an Envoy of this version, newest layout first. */
export function funcECachePaths(env: Env, version: string): string[] {
  const home = homeOf(env);
  const data = env("FUNC_E_DATA_HOME") ||
    join(env("XDG_DATA_HOME") || join(home, ".local/share"), "func-e");
  const legacy = env("FUNC_E_HOME") || join(home, ".func-e");
  return [
    join(data, "envoy-versions", version, "bin", "envoy"),
    join(legacy, "versions", version, "bin", "envoy"),
  ];
}

/** Is there a file that can be executed? */
export async function isExecutable(path: string): Promise<boolean> {
  const info = await Deno.stat(path).catch(() => undefined);
  return info?.isFile === true && ((info.mode ?? 0o111) & 0o111) !== 0;
}

/**
 * Where the SHA-256 of an installed executable is kept, taken when its download had just been verified; then its size in
 * bytes and when it was last written, both of the moment when the sum was last right.
 */
function sumPath(target: string): string {
  return `${target}.sha256`;
}

async function stampOf(path: string): Promise<string> {
  const { size, mtime } = await Deno.stat(path);
  return `${size} ${mtime?.getTime() ?? 0}`;
}

/**
 * Is a cached executable still what was installed? `unknown` when no sum was kept for it. Reads the whole file, about
 * 100 MB.
 */
export async function verifyCached(path: string): Promise<"same" | "changed" | "unknown"> {
  const [expected] = (await Deno.readTextFile(sumPath(path)).catch(() => "")).trim().split(" ");
  if (!expected) return "unknown";
  return await fileSha256(path) === expected ? "same" : "changed";
}

/**
 * Is there a cached executable that is what was installed? Looks at its size and at when it was written, and reads it
 * whole, to compare its SHA-256, only where they differ from what they were; so a start reads no 100 MB.
 */
export async function isSound(path: string): Promise<boolean> {
  if (!await isExecutable(path)) return false;
  const [expected, ...stamp] = (await Deno.readTextFile(sumPath(path)).catch(() => "")).trim()
    .split(" ");
  // Put there by hand: nothing is known of it.
  if (!expected) return true;
  const current = await stampOf(path);
  if (stamp.join(" ") === current) return true;
  if (await fileSha256(path) !== expected) return false;
  // A cache that cannot be written is read whole at each start.
  await Deno.writeTextFile(sumPath(path), `${expected} ${current}`).catch(() => {});
  return true;
}

/** A folder of the cache that only this process fills, until it is disposed. */
export interface Claim extends AsyncDisposable {
  /** Scratch folder beside the final place, so that a rename is enough to install. */
  readonly scratch: string;
  /** Makes `file` executable and puts it in its final place, in one step. */
  install(file: string): Promise<void>;
}

/** How to wait for a claim. */
export interface ClaimOptions {
  /** Called once when another run holds the claim for longer than a moment. */
  readonly onWait?: () => void;
  /** Called when a claim that was given up holds nothing any more: the other run has ended. */
  readonly onGivenUp?: () => void;
  readonly signal?: AbortSignal;
}

/** A claim that is free is had within this many milliseconds. */
const MOMENT_MS = 300;

/**
 * Claims the folder of `target`. Waits while another run fills it; the claim ends with the process
 * that holds it, however it ends. What a killed run left behind is removed.
 *
 * @throws {UnavailableError} when the folder cannot be written
 * @throws the reason of `signal`, when it aborts first
 */
export async function claim(target: string, options: ClaimOptions = {}): Promise<Claim> {
  const folder = join(target, "..");
  const scratch = join(folder, "incoming");
  let lock: Deno.FsFile;
  try {
    await Deno.mkdir(folder, { recursive: true });
    lock = await Deno.open(join(folder, "lock"), { write: true, create: true });
  } catch (error) {
    throw unwritable(folder, error);
  }
  await lockWhenFree(lock, options);
  try {
    await Deno.remove(scratch, { recursive: true }).catch(() => {});
    await Deno.mkdir(scratch);
  } catch (error) {
    lock.close();
    throw unwritable(folder, error);
  }
  return {
    scratch,
    async install(file) {
      await Deno.chmod(file, 0o755);
      await Deno.writeTextFile(
        sumPath(target),
        `${await fileSha256(file)} ${await stampOf(file)}`,
      );
      await Deno.rename(file, target);
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(scratch, { recursive: true }).catch(() => {});
      // Closing gives the lock back. The file stays: removing it would let a third run lock a new
      // one while the second holds the old one.
      lock.close();
    },
  };
}

async function lockWhenFree(
  lock: Deno.FsFile,
  { onWait, onGivenUp, signal }: ClaimOptions,
): Promise<void> {
  const locked = lock.lock(true);
  const waiting = setTimeout(() => onWait?.(), MOMENT_MS);
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal?.reason);
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([locked, aborted.promise]);
  } catch (error) {
    // A lock that is asked for cannot be taken back: it is given up once it is had.
    locked.catch(() => {}).finally(() => {
      lock.close();
      onGivenUp?.();
    });
    throw error;
  } finally {
    clearTimeout(waiting);
    signal?.removeEventListener("abort", onAbort);
  }
}

function unwritable(folder: string, error: unknown): UnavailableError {
  return new UnavailableError(
    `Cannot write to Envoy's cache "${folder}": ${messageOf(error)}: ` +
      `set LLMGATE_HOME to a folder that can be written, or pass --envoy-path`,
  );
}
