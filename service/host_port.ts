/** Addresses as texts. */

/** A host as it stands in a URL or before a port: brackets around an IPv6 address. */
export function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return `${urlHost(host)}:${port}`;
}
