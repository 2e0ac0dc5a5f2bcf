import assert from "node:assert/strict";
import fc from "fast-check";
import { BadRequest, RequestReader } from "./request_reader.ts";

/** Feeds text in pieces and returns what was read. */
function read(text: string, cuts: number[] = []): string[] {
  const log: string[] = [];
  const reader = new RequestReader({
    head: ({ method, target }) => log.push(`${method} ${target}`),
    body: (bytes) => {
      const part = new TextDecoder("latin1").decode(bytes);
      if (log.at(-1)?.startsWith("body ")) log[log.length - 1] += part;
      else log.push(`body ${part}`);
    },
    end: () => log.push("end"),
  });
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) {
    const part = bytes.subarray(edges[i - 1], edges[i]);
    if (part.length > 0) reader.feed(part);
  }
  return log;
}

const TWO =
  "POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" +
  "POST /b HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nxy";

Deno.test("RequestReader reads pipelined requests, whatever the cuts", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: TWO.length })), (cuts) => {
    assert.deepEqual(read(TWO, cuts), ["POST /a", "body abc", "end", "POST /b", "body xy", "end"]);
  }));
});

const BAD: Record<string, string> = {
  "a length beside chunks": "content-length: 1\r\ntransfer-encoding: chunked",
  "two lengths": "content-length: 1\r\ncontent-length: 2",
  "an unknown coding": "transfer-encoding: xchunked",
  "an underscore in a name": "x_tenant: a",
  "a folded line": "x: a\r\n b",
  "a bare LF": "x: a\nb: c",
  "a NUL": "x: a\0",
};
for (const [name, line] of Object.entries(BAD)) {
  Deno.test(`RequestReader refuses ${name}`, () => {
    assert.throws(() => read(`POST / HTTP/1.1\r\nhost: h\r\n${line}\r\n\r\n`), BadRequest);
  });
}
