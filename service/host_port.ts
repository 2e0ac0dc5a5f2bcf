/** Addresses as texts. */
import { isIP } from "node:net";

/** A host as it stands in a URL or before a port: brackets around an IPv6 address. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return `${urlHost(host)}:${port}`;
}

/** Whether nobody but this machine reaches what is bound to `host`; a name other than `localhost` may be anything's. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}
