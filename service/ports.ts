/** Free ports, taken ports, and the process that holds one. */
import { messageOf, UnavailableError, UsageError } from "./errors.ts";
import { isLoopback } from "./host_port.ts";

/** The state of a listening socket in /proc/net/tcp (Linux, include/net/tcp_states.h). */
const TCP_LISTEN = "0A";

/**
 * Makes sure that nobody listens on a port, so that the error comes before anything is started.
 * Port 0 is always free, on a host that is ours.
 *
 * @throws {UnavailableError} that names the holder, when the port is taken or not allowed
 * @throws {UsageError} for a host that is no address of this machine
 */
export async function assertPortFree(
  options: { host: string; port: number; what: string; remedy?: string },
): Promise<void> {
  const { host, port, what } = options;
  if (port === 0 && isLoopback(host)) return;
  try {
    Deno.listen({ hostname: host, port }).close();
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) {
      const holder = await whoListens(port);
      throw new UnavailableError(
        `Cannot listen on ${host}:${port} for ${what}: the port is taken by ${
          holder ?? "another process"
        }: stop it${options.remedy === undefined ? "" : `, or ${options.remedy}`}`,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new UnavailableError(
        `Cannot listen on ${host}:${port} for ${what}: permission denied: ports below 1024 need privileges`,
      );
    }
    if (isNotOurs(error)) {
      throw new UsageError(
        `Cannot listen on "${host}" for ${what}: it is no address of this machine (${
          messageOf(error)
        })`,
      );
    }
    throw new UnavailableError(`Cannot listen on ${host}:${port} for ${what}: ${messageOf(error)}`);
  }
}

/** Tells whether no interface has the address, or the name has none; of the latter Deno keeps only the words. */
function isNotOurs(error: unknown): boolean {
  return error instanceof Deno.errors.AddrNotAvailable ||
    messageOf(error).startsWith("failed to lookup address");
}

/**
 * Ports that no system hands out by itself: Linux starts at 32,768 (ip_local_port_range), macOS and
 * Windows at 49,152.
 */
const LASTING = { first: 20_000, count: 12_768 };

/** Random ports that are tried before giving up. */
const TRIES = 32;

/**
 * Listens on a free port that stays free while the listener is closed for a moment: a port of the
 * kernel's own choice (port 0) may be given to anybody meanwhile, even to the client that dials it.
 *
 * @param listen listens on the port that it gets; it is called again with another one when that is
 *   taken, or when it throws `UnavailableError` or `AddrInUse`
 * @throws what `listen` throws for a port that is not taken, or at the last try
 */
export async function listenLasting<T>(
  host: string,
  listen: (port: number) => Promise<T>,
): Promise<T> {
  for (let left = TRIES;; left--) {
    const port = LASTING.first + Math.floor(Math.random() * LASTING.count);
    try {
      return await listen(port);
    } catch (error) {
      // Whoever had it may have let go by now, or have only looked whether it is free.
      const wasTaken = error instanceof UnavailableError ||
        error instanceof Deno.errors.AddrInUse || isTaken(host, port);
      if (left === 0 || !wasTaken) throw error;
    }
  }
}

function isTaken(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return false;
  } catch (error) {
    return error instanceof Deno.errors.AddrInUse;
  }
}

/** Returns who listens on a TCP port, as `name (pid 4711)`, or `undefined` when nobody can tell. */
export async function whoListens(port: number): Promise<string | undefined> {
  try {
    return Deno.build.os === "linux" ? await fromProc(port) : await fromLsof(port);
  } catch {
    return undefined;
  }
}

/**
 * Linux: the socket's inode from the kernel's table, then the process that has it open. A shell
 * reads /proc, because this program may not: that needs every permission of the runtime, and the
 * ones that are not needed were given up.
 */
async function fromProc(port: number): Promise<string | undefined> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  const sockets = new Set<string>();
  for (const line of (await run("cat", ["/proc/net/tcp", "/proc/net/tcp6"])).split("\n")) {
    const columns = line.trim().split(/\s+/);
    if (columns[3] === TCP_LISTEN && columns[1]?.endsWith(`:${hexPort}`)) {
      sockets.add(`socket:[${columns[9]}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  let pid: string | undefined;
  for (const line of (await run("sh", ["-c", "ls -l /proc/[0-9]*/fd"])).split("\n")) {
    pid = /^\/proc\/(\d+)\/fd:$/.exec(line)?.[1] ?? pid;
    if (pid !== undefined && sockets.has(line.slice(line.lastIndexOf(" ") + 1))) {
      return `${(await run("cat", [`/proc/${pid}/comm`])).trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

async function fromLsof(port: number): Promise<string | undefined> {
  const fields = (await run("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"])).split("\n");
  const pid = fields.find((field) => field.startsWith("p"))?.slice(1);
  const name = fields.find((field) => field.startsWith("c"))?.slice(1);
  return pid === undefined ? undefined : `${name} (pid ${pid})`;
}

/** Returns what a command prints, whatever its exit code: parts of /proc are closed to us. */
async function run(command: string, args: string[]): Promise<string> {
  const { stdout } = await new Deno.Command(command, { args, stderr: "null" }).output();
  return new TextDecoder().decode(stdout);
}
