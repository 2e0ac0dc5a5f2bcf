import assert from "node:assert/strict";
import { serveLocal } from "./mod.ts";

/** The status of a request whose head is written as it is. */
async function statusOf(port: number, head: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode(`${head}\r\nconnection: close\r\n\r\n`));
  return (await new Response(connection.readable).text()).split(" ")[1] ?? "";
}

/** Names that are none, and those that only look like ours. */
const BENT = [
  ...["127.0.0.1:99999x", "127.0.0.1, evil.test", "localhost%00.evil.test", "localhost:80:90"],
  ...["[fe80::1%25lo]", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1.evil.test", "evil.localhost", ""],
  ...["0x7f000001", "localhost#x", "[::1", "localhost\\x"],
];

Deno.test("serveLocal() is 421 for every name that is not its own, and answers nobody who says two", async () => {
  const said: string[] = [];
  await using server = serveLocal(() => new Response("journal"), {
    host: "127.0.0.1",
    port: 0,
    log: (line) => said.push(line),
  });
  for (const host of BENT) {
    assert.equal(await statusOf(server.port, `GET / HTTP/1.1\r\nhost: ${host}`), "421", host);
  }
  const two = "GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil.test";
  // The runtime refuses it by itself, or joins both to a name that is none.
  assert.match(await statusOf(server.port, two), /^4(00|21)$/);
  const absolute = "GET http://evil.test/ HTTP/1.1\r\nhost: localhost";
  assert.equal(await statusOf(server.port, absolute), "421");
  assert.equal(await statusOf(server.port, "GET / HTTP/1.1\r\nhost: LOCALHOST:1"), "200");
  assert.deepEqual(said, []);
});

Deno.test("serveLocal() says in one line what a handler threw, and not to whoever asked", async () => {
  const said: string[] = [];
  await using server = serveLocal(() => {
    throw new TypeError("inside");
  }, { host: "127.0.0.1", port: 0, log: (line) => said.push(line) });
  const response = await fetch(server.url);
  assert.equal(response.status, 500);
  assert.doesNotMatch(await response.text(), /inside/);
  assert.deepEqual(said, ["A request could not be answered: inside"]);
});
