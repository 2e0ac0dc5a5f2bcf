/** Header fields that another implementation compressed, as a gRPC handler sees them. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import { startGrpcServer } from "./server.ts";

Deno.test("HpackDecoder agrees with another implementation on every header byte that HTTP allows", async () => {
  // node:http2 as the client: its encoder chooses indexes and Huffman codes by itself.
  let seen: Readonly<Record<string, string>> = {};
  await using server = await startGrpcServer({
    services: [{
      name: "test.Meta",
      methods: {
        Get: {
          unary: (request, call) => {
            seen = call.metadata;
            return request;
          },
        },
      },
    }],
  });
  const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("")
    .trim();
  const session = http2.connect(`http://${server.address}`);
  for (const round of [1, 2, 3]) {
    const stream = session.request({
      ":method": "POST",
      ":path": "/test.Meta/Get",
      "content-type": "application/grpc",
      "x-all": printable,
      "x-round": String(round),
    });
    stream.end(new Uint8Array([0, 0, 0, 0, 0]));
    stream.resume();
    await new Promise((resolve) => stream.once("close", resolve));
    assert.equal(seen["x-all"], printable);
    assert.equal(seen["x-round"], String(round));
  }
  await new Promise<void>((resolve) => session.close(() => resolve()));
});
