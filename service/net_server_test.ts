import assert from "node:assert/strict";
import net from "node:net";
import { closeServer } from "./net_server.ts";

async function listen(): Promise<{ server: net.Server; sockets: Set<net.Socket>; port: number }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("data", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return { server, sockets, port: (server.address() as net.AddressInfo).port };
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
