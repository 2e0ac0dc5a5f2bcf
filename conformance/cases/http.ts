/** Cases on HTTP/1.1 and HTTP/2. */
import type { Case } from "../case.ts";
import { H1Connection } from "../client/h1.ts";
import { H2Connection } from "../client/h2.ts";
import { jsonOf } from "../client/transcript.ts";
import { lockstep } from "./stream.ts";

/** The HTTP versions, and what happens at their edges. */
export const HTTP_CASES: readonly Case[] = [
  {
    id: "http.h1",
    level: "must",
    control: "none",
    requirement: "HTTP/1.1 is served",
    source: "RFC 9112",
    async run(t) {
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("body", "chat.completion", jsonOf(transcript)?.object);
    },
  },
  {
    id: "http.h2c",
    level: "should",
    control: "none",
    requirement: "HTTP/2 with prior knowledge is served on the same port",
    source: "RFC 9113 section 3.3",
    axes: ["h2c"],
    async run(t) {
      const transcript = await t.ask();
      t.equal("status", 200, transcript.head?.status);
      t.equal("body", "chat.completion", jsonOf(transcript)?.object);
    },
  },
  {
    id: "http.h2-multiplex",
    level: "should",
    control: "none",
    requirement: "50 requests at once over one HTTP/2 connection are all answered",
    source: "RFC 9113 section 5",
    axes: ["h2c"],
    async run(t) {
      const connection = await t.connect("h2c");
      const all = await Promise.all(
        Array.from(
          { length: 50 },
          async () => (await (await t.send(t.chat(), connection)).done()).head?.status,
        ),
      );
      t.equal("answers", 50, all.filter((status) => status === 200).length);
    },
  },
  {
    id: "http.h2-tls",
    level: "should",
    control: "none",
    feature: "tls",
    requirement: "HTTP/2 over TLS, picked by ALPN, is served",
    source: "RFC 9113 section 3.2",
    axes: ["h2c"],
    async run(t) {
      t.that("the target's URL", t.target.url.startsWith("https:"), "https", t.target.url);
      t.equal("status", 200, (await t.ask()).head?.status);
    },
  },
  {
    id: "http.h10",
    level: "may",
    control: "none",
    requirement: "HTTP/1.0 gets a whole answer, or 426 or 400",
    source: "RFC 9110 section 2.5",
    async run(t) {
      const connection = await t.connect("h1");
      if (!(connection instanceof H1Connection)) return;
      const [exchange] = connection.raw("GET /healthz HTTP/1.0\r\n\r\n", ["GET"]);
      if (!exchange) return;
      const { head, end } = await exchange.done();
      t.oneOf("status", [200, 426, 400, 404], head?.status);
      t.equal("end", "complete", end?.kind);
    },
  },
  {
    id: "http.h2-goaway",
    level: "should",
    control: "upstream",
    requirement: "After the client's GOAWAY running streams go on to their end",
    source: "RFC 9113 section 6.8",
    axes: ["h2c"],
    async run(t) {
      t.upstream.script(...lockstep(3));
      const connection = await t.connect("h2c");
      const exchange = await t.send(t.chat({ stream: true }), connection);
      await exchange.event(0);
      if (connection instanceof H2Connection) connection.sendGoaway();
      for (const n of [1, 2]) {
        t.upstream.release(String(n));
        await exchange.event(n);
      }
      t.upstream.release("done");
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  },
  {
    id: "http.h2-ping",
    level: "may",
    control: "none",
    requirement: "Many PINGs on one connection do not end a request on it",
    source: "RFC 9113 section 6.7",
    axes: ["h2c"],
    async run(t) {
      const connection = await t.connect("h2c");
      if (!(connection instanceof H2Connection)) return;
      for (let i = 0; i < 20; i++) connection.sendFrame(6, 0, 0, new Uint8Array(8).fill(i));
      const { head } = await (await t.send(t.chat(), connection)).done();
      t.equal("status", 200, head?.status);
    },
  },
];
