import assert from "node:assert/strict";
import { connectGrpc, startGrpcServer } from "./mod.ts";

/** Test certificates of the journeys: one authority, a server for "localhost", a client. */
function pem(name: string): string {
  return Deno.readTextFileSync(new URL(`../tests/envoy/testdata/${name}.pem`, import.meta.url));
}

const SERVICES = [{
  name: "test.Echo",
  methods: { Same: { unary: (request: Uint8Array) => request } },
}];
const SERVER = { cert: pem("server"), key: pem("server.key") };
const CLIENT = {
  ca: pem("ca"),
  serverName: "policy.test",
  cert: pem("client"),
  key: pem("client.key"),
};

Deno.test("startGrpcServer() serves TLS to clients that trust its authority", async () => {
  await using server = await startGrpcServer({ services: SERVICES, tls: SERVER });
  using client = connectGrpc({
    address: server.address,
    tls: { ca: pem("ca"), serverName: "policy.test" },
  });
  const message = new Uint8Array(100_000).fill(3);
  assert.deepEqual(new Uint8Array(await client.unary("/test.Echo/Same", message)), message);
});

Deno.test("startGrpcServer() and a client authority takes a client with its certificate", async () => {
  const tls = { ...SERVER, clientCa: CLIENT.ca };
  await using server = await startGrpcServer({ services: SERVICES, tls });
  using client = connectGrpc({ address: server.address, tls: CLIENT });
  assert.equal((await client.unary("/test.Echo/Same", new Uint8Array(1))).length, 1);
});

Deno.test("startGrpcServer() and a client authority refuses a client without a certificate", async () => {
  const tls = { ...SERVER, clientCa: CLIENT.ca };
  await using server = await startGrpcServer({ services: SERVICES, tls });
  // A bare TLS client: TLS 1.3 reports the missing certificate with the first read.
  await assert.rejects(async () => {
    using connection = await Deno.connectTls({
      hostname: "localhost",
      port: server.port,
      caCerts: [CLIENT.ca],
      alpnProtocols: ["h2"],
    });
    await connection.write(new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    const size = await connection.read(new Uint8Array(100));
    if (size === null) throw new Error("closed");
  });
});

Deno.test("startGrpcServer() refuses TLS on the reference engine", async () => {
  await assert.rejects(
    startGrpcServer({ services: SERVICES, tls: SERVER, engine: "grpc-js" }),
    TypeError,
  );
});
