import assert from "node:assert/strict";
import { createServer, type TLSSocket } from "node:tls";
import type { AddressInfo } from "node:net";
import { outbound, OutboundError } from "./mod.ts";

const signal = new AbortController().signal;

/** Every way to write a place that is not the internet's, and a name that is bent to one. */
const REFUSED = [
  "http://127.0.0.1/",
  "http://127.1/",
  "http://2130706433/",
  "http://0x7f000001/",
  "http://0177.0.0.1/",
  "http://[::1]/",
  "http://[::ffff:127.0.0.1]/",
  "http://[::ffff:7f00:1]/",
  "http://169.254.169.254/latest/meta-data/",
  "http://localhost/",
  "http://bent.example/",
  "http://half.example/",
  "http://nowhere.example/",
  "http://user:password@public.example/",
  "file:///etc/passwd",
  "gopher://public.example/",
  "//public.example/",
];

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "localhost": ["127.0.0.1", "::1"],
  "bent.example": ["10.0.0.1"],
  "half.example": ["8.8.8.8", "10.0.0.1"],
  "public.example": ["8.8.8.8"],
  "mcp.inner.example": ["127.0.0.1"],
};
const resolve = (name: string) => Promise.resolve(NAMES[name] ?? []);

Deno.test("outbound() calls no place but the internet's, however it is written", async () => {
  const way = outbound({ resolve });
  for (const url of REFUSED) {
    await assert.rejects(way.check(url), OutboundError, url);
    await assert.rejects(way.fetch(url, { signal }), OutboundError, url);
  }
  await way.check("https://public.example/mcp");
});

Deno.test("outbound() calls what the operator allows: by name, port, suffix or network", async () => {
  const cases: readonly (readonly [allow: string, url: string, allowed: boolean])[] = [
    ["bent.example", "http://bent.example:81/", true],
    ["BENT.example", "http://bent.EXAMPLE/", true],
    ["bent.example:81", "http://bent.example:81/", true],
    ["bent.example:81", "http://bent.example:82/", false],
    ["bent.example:443", "https://bent.example/", true],
    ["*.inner.example", "http://mcp.inner.example/", true],
    ["*.example", "http://mcp.inner.example/", true],
    ["*.ner.example", "http://mcp.inner.example/", false],
    ["10.0.0.0/8", "http://bent.example/", true],
    ["10.0.0.0/8", "http://localhost/", false],
    ["127.0.0.1", "http://[::ffff:127.0.0.1]/", true],
    ["*", "http://169.254.169.254/", true],
  ];
  for (const [entry, url, allowed] of cases) {
    const check = outbound({ allow: [entry], resolve }).check(url);
    if (allowed) await check;
    else await assert.rejects(check, OutboundError, `${entry} ${url}`);
  }
});

Deno.test("outbound() dials what it has looked at: a name that changes meanwhile changes nothing", async () => {
  const asked: string[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => new Response(request.headers.get("host")),
  );
  let times = 0;
  const way = outbound({
    allow: ["127.0.0.1"],
    resolve: (name) => {
      asked.push(name);
      return Promise.resolve([++times === 1 ? "127.0.0.1" : "10.0.0.1"]);
    },
  });
  const url = `http://turning.example:${server.addr.port}/`;
  const response = await way.fetch(url, { signal });
  assert.equal(await response.text(), `turning.example:${server.addr.port}`);
  assert.deepEqual(asked, ["turning.example"]);
  await assert.rejects(way.fetch(url, { signal }), OutboundError);
});

Deno.test("outbound() verifies TLS for the name of the URL, whatever address is dialled", async () => {
  const seen = Promise.withResolvers<string>();
  const server = createServer({
    SNICallback: (name, done) => {
      seen.resolve(name);
      done(new Error("no certificate here"));
    },
  });
  server.on("tlsClientError", (_error: Error, socket: TLSSocket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  const way = outbound({ allow: ["*"], resolve: () => Promise.resolve(["127.0.0.1"]) });
  await assert.rejects(way.fetch(`https://secure.example:${port}/`, { signal }), /Cannot reach/);
  assert.equal(await seen.promise, "secure.example");
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("outbound() refuses headers of the connection, of proxies and of metadata services", async () => {
  const way = outbound({ allow: ["*"] });
  for (
    const [name, value] of [
      ["Host", "inner"],
      ["connection", "upgrade"],
      ["Transfer-Encoding", "chunked"],
      ["X-Forwarded-For", "127.0.0.1"],
      ["Forwarded", "for=127.0.0.1"],
      ["x-tenant", "other"],
      ["Metadata-Flavor", "Google"],
      ["X-aws-ec2-metadata-token", "t"],
      ["x-a", "b\r\nhost: inner"],
      ["x a", "b"],
    ] as const
  ) {
    await assert.rejects(
      way.fetch("http://127.0.0.1:1/", { headers: { [name]: value }, signal }),
      OutboundError,
      name,
    );
  }
});

Deno.test("outbound() follows no redirect, bounds bodies, and ends with its signal", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    ({ url, signal }) => {
      const { pathname } = new URL(url);
      if (pathname === "/moved") return Response.redirect("http://169.254.169.254/", 307);
      if (pathname === "/long") return new Response("x".repeat(100));
      return new Promise((resolve) =>
        signal.addEventListener("abort", () => resolve(new Response()))
      );
    },
  );
  const way = outbound({ allow: ["127.0.0.1"], maxBytes: 99 });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const moved = await way.fetch(`${url}/moved`, { signal });
  assert.equal(moved.status, 307);
  await moved.body?.cancel();
  const long = await way.fetch(`${url}/long`, { signal });
  await assert.rejects(long.text(), /longer than 99 bytes/);
  const ending = new AbortController();
  const hanging = way.fetch(`${url}/never`, { signal: ending.signal });
  ending.abort(new Error("enough"));
  await assert.rejects(hanging, /enough/);
});
