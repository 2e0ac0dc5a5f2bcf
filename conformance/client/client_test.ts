import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import net, { type AddressInfo } from "node:net";
import { closeServer } from "../../service/mod.ts";
import type { Protocol } from "../target.ts";
import { Awaited } from "../verdict/verdict.ts";
import { openConnection } from "./open_connection.ts";
import type { RequestSpec } from "./exchange.ts";
import { textOf, valueOf } from "./transcript.ts";

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void;

/** Serves one handler over HTTP/1.1 or h2c, and closes everything at the end. */
async function serve(protocol: Protocol, handler: Handler) {
  const server = protocol === "h1"
    ? http.createServer(handler)
    : http2.createServer({}, handler as unknown as Parameters<typeof http2.createServer>[1]);
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session: http2.ServerHttp2Session) => sessions.add(session));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      if (server instanceof http.Server) server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const POST: RequestSpec = { method: "POST", path: "/x", headers: [["x-a", "1"]], body: "hello" };

for (const protocol of ["h1", "h2c"] as const) {
  Deno.test(`${protocol}: request() sends the body and reads head, body and end`, async () => {
    await using server = await serve(protocol, (request, response) => {
      let body = "";
      request.on("data", (part) => body += part);
      request.on("end", () => {
        response.setHeader("x-seen", String(request.headers["x-a"]));
        response.end(`got ${body} at ${request.url}`);
      });
    });
    await using connection = await openConnection(protocol, server.url);
    for (let i = 0; i < 3; i++) {
      const transcript = await connection.request(POST).done();
      assert.equal(transcript.head?.status, 200);
      assert.equal(valueOf(transcript.head?.headers ?? [], "x-seen"), "1");
      assert.equal(textOf(transcript), "got hello at /x");
      assert.equal(transcript.end?.kind, "complete");
    }
  });

  Deno.test(`${protocol}: events are seen one by one, while the server holds the rest`, async () => {
    const gate = Promise.withResolvers<void>();
    await using server = await serve(protocol, async (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: one\n\n");
      await gate.promise;
      response.end("data: two\n\n");
    });
    await using connection = await openConnection(protocol, server.url);
    const exchange = connection.request({ method: "GET", path: "/", headers: [] });
    assert.equal((await exchange.event(0)).data, "one");
    assert.equal(exchange.transcript.events.length, 1);
    gate.resolve();
    assert.equal((await exchange.event(1)).data, "two");
    assert.equal((await exchange.ended()).kind, "complete");
  });

  Deno.test(`${protocol}: a manual upload is written piece by piece`, async () => {
    const first = Promise.withResolvers<string>();
    await using server = await serve(protocol, (request, response) => {
      let body = "";
      request.on("data", (part) => {
        body += part;
        first.resolve(String(part));
      });
      request.on("end", () => response.end(body));
    });
    await using connection = await openConnection(protocol, server.url);
    const exchange = connection.request({ method: "POST", path: "/", headers: [], manual: true });
    await exchange.write("abc");
    assert.equal(await first.promise, "abc");
    await exchange.write("def");
    await exchange.finish();
    assert.equal(textOf(await exchange.done()), "abcdef");
  });

  Deno.test(`${protocol}: abort() reaches the server`, async () => {
    const gone = Promise.withResolvers<void>();
    await using server = await serve(protocol, (request, response) => {
      response.on("close", () => gone.resolve());
      request.on("error", () => {});
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: one\n\n");
    });
    await using connection = await openConnection(protocol, server.url);
    const exchange = connection.request({ method: "GET", path: "/", headers: [] });
    await exchange.event(0);
    exchange.abort();
    await gone.promise;
    assert.equal(exchange.transcript.end?.kind, "aborted");
  });
}

/** Accepts one connection, answers the first bytes with these, and closes it when told to. */
async function serveBytes(answer: string) {
  const listener = net.createServer();
  const close = Promise.withResolvers<void>();
  listener.on("connection", (socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(answer));
    close.promise.then(() => socket.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    close: close.resolve,
    async [Symbol.asyncDispose]() {
      close.resolve();
      await closeServer(listener, []);
    },
  };
}

const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n" +
  "transfer-encoding: chunked\r\n\r\n";

Deno.test("h1: a response that breaks off does not end as complete", async () => {
  await using server = await serveBytes(`${STREAM_HEAD}b\r\ndata: one\n\n\r\n`);
  await using connection = await openConnection("h1", server.url);
  const exchange = connection.request({ method: "GET", path: "/", headers: [] });
  await exchange.event(0);
  server.close();
  const end = await exchange.ended();
  assert.ok(["fin", "rst"].includes(end.kind), end.kind);
  await assert.rejects(exchange.event(1), Awaited);
});

Deno.test("h2c: a response that breaks off does not end as complete", async () => {
  const gate = Promise.withResolvers<void>();
  await using server = await serve("h2c", async (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: one\n\n");
    await gate.promise;
    const { stream } = response as unknown as { stream: http2.ServerHttp2Stream };
    stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  });
  await using connection = await openConnection("h2c", server.url);
  const exchange = connection.request({ method: "GET", path: "/", headers: [] });
  await exchange.event(0);
  gate.resolve();
  assert.equal((await exchange.ended()).kind, "stream-reset");
  await assert.rejects(exchange.event(1), Awaited);
});

Deno.test("until() rejects at its deadline with what was seen so far", async () => {
  await using server = await serveBytes(STREAM_HEAD);
  await using connection = await openConnection("h1", server.url);
  const exchange = connection.request({ method: "GET", path: "/", headers: [] });
  await exchange.head();
  await assert.rejects(exchange.event(0, { deadlineMs: 20 }), /not within 20 ms: status 200/);
});
