/** A connection to a server: dialling, which can be aborted, and whole writes. */

/** Where to dial. */
export interface Place {
  readonly hostname: string;
  readonly port: number;
}

/** Loopback under its name: not every runtime tries both of its addresses. */
const LOOPBACK = ["127.0.0.1", "::1"];

/**
 * Dials over TCP.
 *
 * @throws the system's error, or the signal's reason
 */
export function dial({ hostname, port }: Place, signal: AbortSignal): Promise<Deno.TcpConn> {
  return unlessAborted(hostname === "localhost" ? dialLoopback(port) : tcp(hostname, port), signal);
}

/**
 * Waits for a connection, unless the signal aborts: one that comes too late is closed.
 *
 * @throws the signal's reason
 */
export async function unlessAborted<T extends Deno.Conn>(
  dialling: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([dialling, aborted.promise]);
  } catch (error) {
    dialling.then(close, () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Writes all of it. */
export async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await connection.write(bytes.subarray(written));
}

/** Closes it, unless it is closed. */
export function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed before.
  }
}

/** A request as it goes over the wire; `line` is its method and path. */
export function requestBytes(
  line: string,
  headers: Readonly<Record<string, string>>,
  body?: string | Uint8Array,
): Uint8Array {
  const content = typeof body === "string" ? encoder.encode(body) : body;
  let head = `${line} HTTP/1.1\r\n`;
  for (const name in headers) head += `${name}: ${checked(name, headers[name] ?? "")}\r\n`;
  if (content !== undefined) head += `content-length: ${content.length}\r\n`;
  const headBytes = encoder.encode(`${head}\r\n`);
  if (content === undefined) return headBytes;
  const bytes = new Uint8Array(headBytes.length + content.length);
  bytes.set(headBytes);
  bytes.set(content, headBytes.length);
  return bytes;
}

const encoder = new TextEncoder();

/** A line end would forge another header, or another request. */
function checked(name: string, value: string): string {
  if (!/[\r\n\0]/.test(value)) return value;
  throw new TypeError(`Cannot send the header "${name}": it holds a line end`);
}

async function tcp(hostname: string, port: number): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname, port });
  // A request is one write; nothing is gained by waiting for more.
  connection.setNoDelay(true);
  return connection;
}

async function dialLoopback(port: number): Promise<Deno.TcpConn> {
  const [first = "", ...others] = LOOPBACK;
  let dialling = tcp(first, port);
  for (const other of others) dialling = dialling.catch(() => tcp(other, port));
  return await dialling;
}
