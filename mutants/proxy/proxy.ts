/** A small HTTP/1.1 gateway with any of the defects; correct without one. */
import net, { type AddressInfo } from "node:net";
import { closeServer } from "../../service/mod.ts";
import type { Defects } from "./defects.ts";
import { policyClient } from "./policy_step.ts";
import { ProxyConnection, type ProxyPlace } from "./proxy_connection.ts";

/** A running small proxy. */
export interface Proxy extends AsyncDisposable {
  readonly url: string;
}

/** Where policy and upstream are, and what is wrong with the proxy. */
export interface ProxyOptions {
  /** `host:port` of an ext_authz engine; without one the gateway behind is left to ask. */
  policy?: string;
  upstream: { host: string; port: number };
  defects?: Defects;
  /** How long it dials nobody after the policy engine failed, milliseconds; by default it dials again at once. */
  redialMs?: number;
}

/**
 * Starts a small HTTP/1.1 gateway that is not Envoy: ext_authz in front of one upstream. Without
 * defects it holds everything that the portable part of the suite asks; with one it is a mutant.
 */
export async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const client = options.policy === undefined
    ? undefined
    : policyClient(options.policy, options.defects, options);
  const sockets = new Set<net.Socket>();
  const place: ProxyPlace = {
    client,
    upstream: options.upstream,
    defects: options.defects ?? {},
    cache: new Map(),
    asking: new Set(),
    arrivals: 0,
    connections: () => sockets.size,
    last: { request: "", times: 0 },
  };
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    socket.setNoDelay(true);
    new ProxyConnection(socket, place);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await closeServer(server, sockets);
      client?.[Symbol.dispose]();
    },
  };
}
