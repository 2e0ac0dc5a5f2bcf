import assert from "node:assert/strict";
import { AnswerReader } from "./answer.ts";

/** A connection that gives a text in pieces of so many bytes. */
function source(text: string, size: number) {
  let bytes = new TextEncoder().encode(text);
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (bytes.length === 0) return Promise.resolve(null);
      const piece = bytes.subarray(0, Math.min(size, into.length));
      into.set(piece);
      bytes = bytes.subarray(piece.length);
      return Promise.resolve(piece.length);
    },
  };
}

async function read(text: string, size: number) {
  const reader = new AnswerReader(source(text, size));
  const { status, headers } = await reader.head();
  return { status, headers, body: await bodyOf(reader), reusable: reader.reusable };
}

async function bodyOf(reader: AnswerReader): Promise<string> {
  const decoder = new TextDecoder();
  let body = "";
  for (let piece = await reader.piece(); piece; piece = await reader.piece()) {
    body += decoder.decode(piece, { stream: true });
  }
  return body;
}

const ANSWERS: readonly (readonly [string, string, string])[] = [
  ["by length", "content-length: 5\r\n\r\nh\u00e9\r\nand more", "h\u00e9\r\n"],
  ["to the end", "\r\nh\u00e9llo", "h\u00e9llo"],
  [
    "in chunks",
    "Transfer-Encoding: chunked\r\n\r\n3\r\nh\u00e9\r\n4;x=1\r\n\r\n\r\n\r\n0\r\n\r\n",
    "h\u00e9\r\n\r\n",
  ],
  ["empty", "content-length: 0\r\n\r\n", ""],
];

for (const [how, rest, body] of ANSWERS) {
  for (const size of [1, 2, 7, 1_000]) {
    Deno.test(`a body ${how} is read, in pieces of ${size} bytes`, async () => {
      const answer = await read(`HTTP/1.1 200 OK\r\n${rest}`, size);
      assert.deepEqual([answer.status, answer.body], [200, body]);
    });
  }
}

Deno.test("header names are in lower case, repeated ones joined", async () => {
  const { headers } = await read("HTTP/1.0 429 \r\nRetry-After:  7 \r\nA: 1\r\na: 2\r\n\r\n", 9);
  assert.deepEqual([...headers], [["retry-after", "7"], ["a", "1, 2"]]);
});

for (
  const [what, text, reason] of [
    ["nothing", "", /before an answer came/],
    ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n", /does not speak HTTP/],
    ["a nameless line", "HTTP/1.1 200 OK\r\nhello\r\n\r\n", /without a name/],
    ["an endless head", `HTTP/1.1 200 OK\r\na: ${"x".repeat(70_000)}`, /longer than/],
    ["a short body", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", /cut off/],
    ["a cut chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nshort", /cut off/],
    ["no chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", /not chunked/],
  ] as const
) {
  Deno.test(`an answer with ${what} is an error`, async () => {
    await assert.rejects(read(text, 5_000), reason);
  });
}

for (const size of [1, 3, 1_000]) {
  Deno.test(`answers of one connection are read one after the other, in pieces of ${size} bytes`, async () => {
    const reader = new AnswerReader(source(
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab" +
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nc\r\n0\r\nx: y\r\n\r\n" +
        "HTTP/1.1 204 No Content\r\n\r\n",
      size,
    ));
    for (const [status, body] of [[200, "ab"], [200, "c"], [204, ""]] as const) {
      assert.deepEqual([(await reader.head()).status, await bodyOf(reader)], [status, body]);
    }
    assert.ok(reader.reusable);
  });
}

for (
  const [what, text, reusable] of [
    ["says nothing", "1.1 200 OK\r\ncontent-length: 1\r\n\r\na", true],
    ["closes", "1.1 200 OK\r\nConnection: close\r\ncontent-length: 1\r\n\r\na", false],
    ["has no length", "1.1 200 OK\r\n\r\na", false],
    ["says too much", "1.1 200 OK\r\ncontent-length: 1\r\n\r\nabc", false],
    ["is old", "1.0 200 OK\r\ncontent-length: 1\r\n\r\na", false],
    [
      "is old and stays",
      "1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na",
      true,
    ],
  ] as const
) {
  Deno.test(`a peer that ${what} is ${reusable ? "asked again" : "left"}`, async () => {
    assert.equal((await read(`HTTP/${text}`, 1_000)).reusable, reusable);
  });
}
