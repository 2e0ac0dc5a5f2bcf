import assert from "node:assert/strict";
import fc from "fast-check";
import { formatSseComment, formatSseEvent, parseSse, type SseItem, SseParser } from "./mod.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** The events of `text` as [type, data, id]. */
function events(text: string | Uint8Array): string[][] {
  return parseSse(text).events.map((event) => [event.type, event.data, event.id]);
}

const VECTORS: { name: string; stream: string; want: string[][] }[] = [
  {
    name: "joins data lines with one LF",
    stream: "data: a\ndata: b\n\n",
    want: [["message", "a\nb", ""]],
  },
  {
    name: "removes one leading space only",
    stream: "data:  a\ndata:b\n\n",
    want: [["message", " a\nb", ""]],
  },
  {
    name: "takes a line without colon as a field",
    stream: "data\n\n",
    want: [["message", "", ""]],
  },
  { name: "joins two empty data lines", stream: "data\ndata\n\n", want: [["message", "\n", ""]] },
  {
    name: "drops a block without data and resets its type",
    stream: "event: x\n\ndata: 1\n\n",
    want: [["message", "1", ""]],
  },
  {
    name: "keeps the id for later events",
    stream: "id: 7\ndata: a\n\ndata: b\n\n",
    want: [["message", "a", "7"], ["message", "b", "7"]],
  },
  {
    name: "resets the id with an empty one",
    stream: "id: 7\n\nid\ndata: b\n\n",
    want: [["message", "b", ""]],
  },
  { name: "ignores an id with NUL", stream: "id: 1\0\ndata: b\n\n", want: [["message", "b", ""]] },
  { name: "keeps NUL in data", stream: "data: \0\n\n", want: [["message", "\0", ""]] },
  { name: "ends lines with CR", stream: "data: a\rdata: b\r\r", want: [["message", "a\nb", ""]] },
  {
    name: "ends lines with CRLF",
    stream: "data: a\r\ndata: b\r\n\r\n",
    want: [["message", "a\nb", ""]],
  },
  {
    name: "takes LF CR as two line ends",
    stream: "data: a\n\rdata: b\n\n",
    want: [["message", "a", ""], ["message", "b", ""]],
  },
  {
    name: "drops the unterminated block at the end",
    stream: "data: a\n\ndata: b\n",
    want: [["message", "a", ""]],
  },
  { name: "ignores one BOM", stream: "\uFEFFdata: a\n\n", want: [["message", "a", ""]] },
  {
    name: "takes a second BOM as data",
    stream: "\uFEFF\uFEFFdata: a\n\ndata: b\n\n",
    want: [["message", "b", ""]],
  },
  {
    name: "keeps the case of field names",
    stream: "DATA: a\n\ndata: b\n\n",
    want: [["message", "b", ""]],
  },
  {
    name: "keeps line separators of JSON",
    stream: "data: \u2028\u0085\n\n",
    want: [["message", "\u2028\u0085", ""]],
  },
];

for (const { name, stream, want } of VECTORS) {
  Deno.test(`SseParser ${name}, however the bytes are cut`, () => {
    assert.deepEqual(events(stream), want);
    const bytes = encode(stream);
    for (let size = 1; size < bytes.length; size++) {
      const parser = new SseParser();
      const found: SseItem[] = [];
      for (let at = 0; at < bytes.length; at += size) {
        found.push(...parser.push(bytes.subarray(at, at + size)));
      }
      assert.deepEqual(found, parseSse(stream).items, `chunks of ${size}`);
    }
  });
}

Deno.test("SseParser dispatches at a CR without waiting for the next byte", () => {
  const parser = new SseParser();
  assert.equal(parser.push(encode("data: a\r\r")).length, 1);
  assert.equal(parser.push(encode("\ndata: b\r\n")).length, 0);
  assert.equal(parser.push(encode("\r")).length, 1);
  assert.equal(parser.push(encode("\n")).length, 0);
  assert.equal(parser.finish(), undefined);
});

Deno.test("SseParser replaces invalid UTF-8 and goes on", () => {
  const bytes = new Uint8Array([...encode("data: "), 0xc3, 0x28, 10, 10]);
  assert.deepEqual(events(bytes), [["message", "\uFFFD(", ""]]);
});

Deno.test("SseParser reports a comment at its line end, inside a block too", () => {
  const parser = new SseParser();
  assert.deepEqual(parser.push(encode(": ping\n")), [
    { kind: "comment", text: " ping", start: 0, end: 7 },
  ]);
  const items = parser.push(encode("data: a\n:x\n\n"));
  assert.deepEqual(items.map((item) => item.kind), ["comment", "event"]);
  const event = items[1];
  assert.ok(event?.kind === "event");
  assert.equal(new TextDecoder().decode(event.raw), "data: a\n:x\n\n");
});

Deno.test("SseParser keeps retry, digits only", () => {
  const parser = new SseParser();
  const [event] = parser.push(encode("retry: 10\ndata: a\n\nretry: 2x\n\n"));
  assert.ok(event?.kind === "event");
  assert.equal(event.retry, 10);
  assert.equal(parser.retry, 10);
});

Deno.test("SseParser.finish() hands back the unterminated block", () => {
  const { tail, events } = parseSse("data: a\n\nevent: x\ndata: b");
  assert.equal(events.length, 1);
  assert.equal(new TextDecoder().decode(tail), "event: x\ndata: b");
});

Deno.test("SseParser gives the same items for every cut of every stream", () => {
  const piece = fc.constantFrom(
    "data: x",
    "data",
    ":c",
    "id: 1",
    "event: e",
    "retry: 5",
    "\n",
    "\r",
    "\r\n",
    "é🙂",
    "\uFEFF",
    " ",
    ":",
  );
  fc.assert(fc.property(
    fc.array(piece, { maxLength: 30 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 }),
    (pieces, sizes) => {
      const bytes = encode(pieces.join(""));
      const whole = new SseParser();
      const expected = whole.push(bytes);
      const parser = new SseParser();
      const found: SseItem[] = [];
      let at = 0;
      for (let i = 0; at < bytes.length; i++) {
        const size = sizes[i % sizes.length] ?? 1;
        found.push(...parser.push(bytes.subarray(at, at + size)));
        at += size;
      }
      assert.deepEqual(found, expected);
      assert.deepEqual(parser.finish(), whole.finish());
      assert.equal(parser.lastEventId, whole.lastEventId);
    },
  ));
});

Deno.test("SseParser places raw bytes at their offsets", () => {
  const stream = ": hi\n\ndata: a\r\n\r\nid: 3\ndata: 🙂\n\n";
  const bytes = encode(stream);
  for (const event of parseSse(stream).events) {
    assert.deepEqual(event.raw, bytes.slice(event.start, event.end));
  }
});

Deno.test("formatSseEvent() is read back as it was given", () => {
  const line = fc.string().filter((text) => !/[\r\n]/.test(text));
  fc.assert(fc.property(
    fc.array(line, { minLength: 1, maxLength: 4 }),
    fc.constantFrom("\n" as const, "\r\n" as const, "\r" as const),
    (lines, eol) => {
      const text = formatSseEvent({ data: lines.join("\n"), event: "e" }, eol);
      assert.deepEqual(events(encode(text)), [["e", lines.join("\n"), ""]]);
    },
  ));
});

Deno.test("formatSseEvent() writes the bytes that OpenAI writes", () => {
  assert.equal(formatSseEvent({ data: { a: 1 } }), 'data: {"a":1}\n\n');
  assert.equal(
    formatSseEvent({ data: "x", event: "e", id: "1", retry: 5 }),
    "event: e\nid: 1\nretry: 5\ndata: x\n\n",
  );
  assert.equal(formatSseComment("ping"), ": ping\n\n");
});

Deno.test("formatSseEvent() refuses a line end in the event type", () => {
  assert.throws(() => formatSseEvent({ data: "", event: "a\ndata: forged" }), TypeError);
});
