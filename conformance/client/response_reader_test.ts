import assert from "node:assert/strict";
import fc from "fast-check";
import type { HeaderList } from "../target.ts";
import { MalformedResponse, ResponseReader, type ResponseSink } from "./response_reader.ts";

class Recorder implements ResponseSink {
  readonly log: string[] = [];
  constructor(readonly method: string) {}
  onInformational(status: number): void {
    this.log.push(`info ${status}`);
  }
  onHead(status: number, _reason: string, _headers: HeaderList, framing: string): void {
    this.log.push(`head ${status} ${framing}`);
  }
  onBody(bytes: Uint8Array): void {
    const text = new TextDecoder().decode(bytes);
    if (this.log.at(-1)?.startsWith("body ")) this.log[this.log.length - 1] += text;
    else this.log.push(`body ${text}`);
  }
  onComplete(trailers: HeaderList): void {
    this.log.push(trailers.length > 0 ? `end ${trailers.join()}` : "end");
  }
}

/** Feeds text in pieces and returns what each expected response became. */
function read(text: string, methods: string[], cuts: number[] = []): string[][] {
  const sinks = methods.map((method) => new Recorder(method));
  let next = 0;
  const reader = new ResponseReader(() => sinks[next++]);
  const bytes = new TextEncoder().encode(text);
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) {
    const part = bytes.subarray(edges[i - 1], edges[i]);
    if (part.length > 0) reader.feed(part);
  }
  if (reader.finish()) sinks[next - 1]?.log.push("closed");
  return sinks.map(({ log }) => log);
}

const CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
  "5;x=1\r\nhello\r\n6\r\n world\r\n0\r\nx-t: 1\r\n\r\n";
const LENGTH = "HTTP/1.1 404 Not Found\r\ncontent-length: 3\r\n\r\nabc";
const HEAD = "HTTP/1.1 200 OK\r\ncontent-length: 30\r\n\r\n";
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const ALL = CHUNKED + CONTINUE + LENGTH + HEAD + LENGTH;
const EXPECTED = [
  ["head 200 chunked", "body hello world", "end x-t,1"],
  ["info 100", "head 404 length", "body abc", "end"],
  ["head 200 none", "end"],
  ["head 404 length", "body abc", "end"],
];

Deno.test("ResponseReader reads pipelined responses, whatever the cuts", () => {
  const length = new TextEncoder().encode(ALL).length;
  fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: length })), (cuts) => {
    assert.deepEqual(read(ALL, ["POST", "POST", "HEAD", "GET"], cuts), EXPECTED);
  }));
});

Deno.test("ResponseReader reads a body that ends with the connection", () => {
  const [log] = read("HTTP/1.1 200 OK\r\n\r\nabc", ["GET"]);
  assert.deepEqual(log, ["head 200 close", "body abc", "end", "closed"]);
});

const MALFORMED: Record<string, string> = {
  "a chunk that does not end": CHUNKED.replace("hello\r\n", "helloXX"),
  "a chunk size that is no number": CHUNKED.replace("5;x=1", "0x5"),
  "a status line that is none": "HTTP/2 200\r\n\r\n",
  "two lengths": LENGTH.replace("content-length: 3", "content-length: 3\r\ncontent-length: 4"),
  "length and chunked": LENGTH.replace(
    "content-length: 3",
    "content-length: 3\r\ntransfer-encoding: chunked",
  ),
  "a header without a name": LENGTH.replace("content-length: 3", ": 3"),
  "a response that nobody asked for": LENGTH + LENGTH,
};
for (const [name, text] of Object.entries(MALFORMED)) {
  Deno.test(`ResponseReader refuses ${name}`, () => {
    assert.throws(() => read(text, ["POST"]), MalformedResponse);
  });
}
