import assert from "node:assert/strict";
import net from "node:net";
import { closeServer } from "./net_server.ts";
import { listenLasting } from "./ports.ts";

/** Listens on a port that nobody else is given once it is free again. */
async function listen(): Promise<{ server: net.Server; sockets: Set<net.Socket>; port: number }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("data", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  const port = await listenLasting("127.0.0.1", (port) =>
    new Promise<number>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => resolve(port));
    }));
  return { server, sockets, port };
}

Deno.test("closeServer() ends open connections and frees the port", async () => {
  const { server, sockets, port } = await listen();
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(new Uint8Array([1]));
  while (sockets.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await closeServer(server, sockets);
  assert.equal(await client.read(new Uint8Array(1)).catch(() => null), null);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("closeServer() resolves when a connection had ended by itself before", async () => {
  const { server, sockets, port } = await listen();
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(new Uint8Array([1]));
  while (sockets.size === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  client.close();
  while (sockets.size > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  await closeServer(server, sockets);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});
