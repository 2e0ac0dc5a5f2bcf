/** Addresses of targets, read from base URLs. */
import net from "node:net";
import tls from "node:tls";
import { UnavailableError, withDeadline } from "../../service/mod.ts";

/** Where to connect, out of a base URL. */
export interface Address {
  host: string;
  port: number;
  tls: boolean;
  /** Value of `host` and `:authority`. */
  authority: string;
  /** Path prefix of the base URL, without a slash at the end. */
  prefix: string;
}

/** How long a connection to the target may take to stand, milliseconds. */
export const CONNECT_MS = 5_000;

/** Returns the address that a base URL names; `host` is what requests call it, in place of the URL's name. */
export function addressOf(base: string, host?: string): Address {
  const url = new URL(base);
  const secure = url.protocol === "https:";
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (secure ? 443 : 80)),
    tls: secure,
    authority: host ?? url.host,
    prefix: url.pathname.replace(/\/+$/, ""),
  };
}

/** Connects and says for whom, as a load balancer does (PROXY protocol version 1, section 2.1). */
async function announced(to: { host: string; port: number }): Promise<net.Socket> {
  const socket = net.connect({ ...to, allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: Error) =>
      reject(new UnavailableError(`Cannot connect to "${to.host}:${to.port}": ${error.message}`));
    socket.once("error", refuse);
    socket.once("connect", () => {
      socket.removeListener("error", refuse);
      resolve();
    });
  });
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  const family = net.isIPv6(localAddress ?? "") ? "TCP6" : "TCP4";
  socket.write(`PROXY ${family} ${localAddress} ${remoteAddress} ${localPort} ${remotePort}\r\n`);
  return socket;
}

/**
 * Opens a socket with Nagle off: what is written is sent.
 *
 * @throws {UnavailableError} when nobody answers there
 */
export async function openSocket(
  address: Address,
  options: {
    alpn: string;
    ca?: string;
    identity?: { readonly cert: string; readonly key: string } | undefined;
    proxyProtocol?: true;
    signal?: AbortSignal;
  },
): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { host, port } = address;
  const { ca, alpn, identity } = options;
  // SNI is for names, not for addresses (RFC 6066 section 3).
  const called = address.authority.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  const name = net.isIP(called) ? {} : { servername: called };
  const secured = { ...name, ALPNProtocols: [alpn], ...(ca && { ca }), ...identity };
  const through = options.proxyProtocol ? await announced({ host, port }) : undefined;
  const socket = address.tls
    ? tls.connect(through ? { socket: through, ...secured } : { host, port, ...secured }, resolve)
    : through ?? net.connect({ host, port, allowHalfOpen: true }, resolve);
  if (through && !address.tls) resolve();
  const refuse = (error: Error) =>
    reject(new UnavailableError(`Cannot connect to "${host}:${port}": ${error.message}`));
  socket.once("error", refuse);
  try {
    await withDeadline(promise, CONNECT_MS, `Connect to "${host}:${port}"`, options.signal);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    socket.removeListener("error", refuse);
  }
  // Deno before 2.9 forgets it when it is said before the connection stands; window updates then take 40 ms each.
  socket.setNoDelay(true);
  return socket;
}

/**
 * Returns the serial number of the certificate that a server shows to a new connection.
 *
 * @throws {UnavailableError} when there is no handshake
 */
export async function shownSerial(url: string, options: { ca: string }): Promise<string> {
  const socket = await openSocket(addressOf(url), { alpn: "http/1.1", ...options });
  const { serialNumber } = (socket as tls.TLSSocket).getPeerCertificate();
  socket.on("error", () => {});
  socket.destroy();
  return serialNumber;
}
