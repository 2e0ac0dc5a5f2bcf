import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { UnavailableError } from "../../service/mod.ts";
import cert from "./testdata/server.pem" with { type: "text" };
import key from "./testdata/server.key.pem" with { type: "text" };
import { H3Connection } from "./h3.ts";
import { frame, H3_FRAME, varint } from "./h3_frames.ts";
import { encodeFields } from "./qpack.ts";
import type { RequestSpec } from "./exchange.ts";
import { textOf } from "./transcript.ts";

const SETTINGS = Buffer.concat([varint(0), frame(H3_FRAME.settings, new Uint8Array(0))]);
const GET: RequestSpec = { method: "GET", path: "/x", headers: [["x-a", "1"]] };

const head = (status: number) =>
  frame(H3_FRAME.headers, encodeFields([[":status", String(status)], ["content-type", "x"]]));
const data = (text: string) => frame(H3_FRAME.data, Buffer.from(text));

/** How a server answers: the pieces that it writes on each request, before it ends the stream. */
interface Answer {
  control?: Uint8Array;
  pieces?: Iterable<Uint8Array>;
  /** In place of an answer. */
  act?: (conn: Deno.QuicConn) => void;
}

/** A server that takes one connection, and says what it got on its first request's stream. */
function serve({ control = SETTINGS, pieces = [], act }: Answer) {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({ cert, key, alpnProtocols: ["h3"] });
  const running = (async () => {
    const conn = await listener.accept();
    const writer = (await conn.createUnidirectionalStream()).getWriter();
    await writer.write(control);
    let got = "";
    for await (const stream of conn.incomingBidirectionalStreams) {
      if (act) act(conn);
      else {
        for await (const bytes of stream.readable) got += Buffer.from(bytes).toString("latin1");
        const out = stream.writable.getWriter();
        for (const piece of pieces) await out.write(piece);
        await out.close();
      }
    }
    // The control stream's writer goes along: collected, it would end the stream.
    return { got, closed: await conn.closed, writer };
  })();
  // A client that leaves ends it in the middle of what it does.
  running.catch(() => {});
  return {
    url: `https://127.0.0.1:${endpoint.addr.port}`,
    running,
    async [Symbol.asyncDispose]() {
      listener.stop();
      endpoint.close();
      await running.catch(() => {});
    },
  };
}

Deno.test("h3: a response is read from any pieces: head, body, trailers, end", async () => {
  const bytes = Buffer.concat([
    ...[head(103), head(200), data("data: one\n\n"), data(""), data("data: two\n\n")],
    frame(0x21, Buffer.from("grease")),
    frame(H3_FRAME.headers, encodeFields([["x-end", "1"]])),
  ]);
  await using server = serve({ pieces: Array.from(bytes, (byte) => Uint8Array.of(byte)) });
  {
    await using connection = await H3Connection.open(server.url, { ca: cert });
    const transcript = await connection.request({ ...GET, method: "POST", body: "hello" }).done();
    assert.deepEqual(transcript.informational.map(({ status }) => status), [103]);
    assert.deepEqual(transcript.head?.headers, [["content-type", "x"]]);
    assert.equal(textOf(transcript), "data: one\n\ndata: two\n\n");
    assert.deepEqual(transcript.trailers, [["x-end", "1"]]);
    assert.equal(transcript.end?.kind, "complete");
  }
  const { got } = await server.running;
  assert.match(got, /:method.POST.*:path.\/x.*x-a.1.*hello$/s);
});

Deno.test.each([
  { what: "a body before the head", answer: { pieces: [data("x")] } },
  { what: "an end inside a frame", answer: { pieces: [head(200), data("xy").subarray(0, 3)] } },
  { what: "no head at all", answer: { pieces: [] } },
  { what: "SETTINGS on a request", answer: { pieces: [frame(4, new Uint8Array(0))] } },
  {
    what: "a field of the dynamic table",
    answer: { pieces: [frame(1, Uint8Array.of(0, 0, 0x80))] },
  },
])("h3: $what is a malformed response", async ({ answer }) => {
  await using server = serve(answer);
  await using connection = await H3Connection.open(server.url, { ca: cert });
  const { end } = await connection.request(GET).done();
  assert.equal(end?.kind, "malformed", `${end?.detail}`);
});

Deno.test.each([
  { what: "begins without SETTINGS", control: [varint(0), frame(7, Uint8Array.of(0))] },
  { what: "holds DATA", control: [SETTINGS, data("x")] },
  { what: "holds SETTINGS twice", control: [SETTINGS, frame(4, new Uint8Array(0))] },
])("h3: a control stream that $what breaks the connection", async ({ control }) => {
  await using server = serve({ control: Buffer.concat(control), act: () => {} });
  await using connection = await H3Connection.open(server.url, { ca: cert });
  const { end } = await connection.request(GET).done();
  assert.equal(end?.kind, "malformed", `${end?.detail}`);
});

Deno.test("h3: a server that closes the connection is named with its reason", async () => {
  await using server = serve({
    act: (conn) => conn.close({ closeCode: 0x107, reason: "enough" }),
  });
  await using connection = await H3Connection.open(server.url, { ca: cert });
  const { end } = await connection.request(GET).done();
  assert.equal(end?.kind, "goaway");
  assert.match(end?.detail ?? "", /H3_EXCESSIVE_LOAD enough/);
});

Deno.test("h3: abort() tells the server that the request is cancelled", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = serve({ act: () => asked.resolve() });
  await using connection = await H3Connection.open(server.url, { ca: cert });
  const exchange = connection.request(GET);
  await asked.promise;
  exchange.abort();
  assert.equal((await exchange.done()).end?.kind, "aborted");
  assert.equal((await server.running).closed.closeCode, 0x10c);
});

Deno.test("h3: a server with a certificate that nobody vouches for is not reachable", async () => {
  await using server = serve({});
  await assert.rejects(H3Connection.open(server.url), UnavailableError);
});
