/** Connects to a gRPC server: TCP or a Unix socket, plain or TLS. */
import net from "node:net";
import tls from "node:tls";
import { type ClientSide, H2Connection } from "../http2/mod.ts";

/** How to reach a server. */
export interface GrpcClientOptions {
  /** `host:port`, or `unix:PATH`. */
  readonly address: string;
  /** Speak TLS; with the system's roots unless `ca` is given. Certificate and key make it mutual. */
  readonly tls?: {
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
    /** The name that the server's certificate must hold, when it is not the address's host. */
    readonly serverName?: string;
  };
}

/** Where to connect, and what to say there. */
export interface Target {
  /** As the user wrote it. */
  readonly name: string;
  readonly scheme: "http" | "https";
  /** The `:authority` of each call. */
  readonly authority: string;
  readonly endpoint: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly tls: GrpcClientOptions["tls"];
}

/** Reads an address. Throws `TypeError` when it is neither `host:port` nor `unix:PATH`. */
export function targetOf({ address, tls }: GrpcClientOptions): Target {
  const scheme = tls === undefined ? "http" : "https";
  if (address.startsWith("unix:")) {
    const path = address.slice("unix:".length);
    return { name: address, scheme, authority: "localhost", endpoint: { path }, tls };
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new TypeError(`Cannot connect to "${address}": expected HOST:PORT or unix:PATH`);
  }
  return {
    name: address,
    scheme,
    authority: tls?.serverName ?? address,
    endpoint: { host, port },
    tls,
  };
}

/** Resolves when connected, TLS included; rejects with the system's error. */
export async function dial(target: Target, side: ClientSide): Promise<H2Connection> {
  const socket = open(target);
  const ready = target.tls === undefined ? "connect" : "secureConnect";
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once(ready, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  if (socket instanceof tls.TLSSocket && socket.alpnProtocol !== "h2") {
    socket.destroy();
    throw new Error("the server does not speak HTTP/2 (ALPN h2)");
  }
  return new H2Connection(socket, side);
}

function open({ endpoint, tls: security }: Target): net.Socket {
  if (security === undefined) return net.connect({ ...endpoint });
  const { ca, cert, key, serverName } = security;
  const host = "host" in endpoint ? endpoint.host : "localhost";
  const servername = serverName ?? (net.isIP(host) === 0 ? host : undefined);
  return tls.connect({
    ...endpoint,
    ALPNProtocols: ["h2"],
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
  });
}
