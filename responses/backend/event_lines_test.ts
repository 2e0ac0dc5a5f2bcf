/** Streams of model servers: what the standard says, and what servers write beside it. */
import assert from "node:assert/strict";
import { EventLines } from "./event_lines.ts";

/** Data of the events of a stream, cut into pieces of this many bytes. */
function dataOf(stream: string, size = stream.length + 3): string[] {
  const bytes = new TextEncoder().encode(stream);
  const lines = new EventLines();
  const events = [];
  for (let at = 0; at < bytes.length; at += size) {
    events.push(...lines.push(bytes.subarray(at, at + size)));
  }
  return [...events, ...lines.end()].map(({ data }) => data);
}

const A = '{"a":"é"}';
const B = '{"b":[1]}';

const MANNERS: readonly [what: string, stream: string, data: string[]][] = [
  ["as the standard has it", `data: ${A}\n\ndata: ${B}\n\ndata: [DONE]\n\n`, [A, B, "[DONE]"]],
  ["CRLF", `data: ${A}\r\n\r\ndata: ${B}\r\n\r\n`, [A, B]],
  ["CR", `data: ${A}\r\rdata: ${B}\r\r`, [A, B]],
  ["a byte order mark", `\ufeffdata: ${A}\n\n`, [A]],
  ["comments, ids and times", `: ping\n\nid: 1\nretry: 5\ndata: ${A}\n: x\n\n`, [A]],
  ["no space after the colon", `data:${A}\n\ndata:[DONE]\n\n`, [A, "[DONE]"]],
  ["data over lines", 'data: {"a":\ndata: 1}\n\n', ['{"a":\n1}']],
  ["events without data", `data:\n\ndata: \n\nevent: ping\n\ndata: ${A}\n\n`, [A]],
  ["no blank lines between events", `data: ${A}\ndata: ${B}\ndata: [DONE]\n`, [A, B, "[DONE]"]],
  ["a last line without an end", `data: ${A}\n\ndata: [DONE]`, [A, "[DONE]"]],
  ["JSON lines", `${A}\n${B}\n`, [A, B]],
  ["JSON over lines", `{\n  "a": 1\n}\n`, ['{\n  "a": 1\n}']],
  ["no event at all", "<html>\n<p>hi</p>\n", []],
];

for (const [what, stream, data] of MANNERS) {
  Deno.test(`a stream is read however it is written and cut: ${what}`, () => {
    for (const size of [undefined, 1, 2, 5]) assert.deepEqual(dataOf(stream, size), data);
  });
}

Deno.test("the name of an event goes with its data, and an error's field is one", () => {
  const lines = new EventLines();
  const stream = `event: error\ndata: ${A}\n\nevent: x\ndata: ${B}\nevent: y\ndata: ${A}\n\n` +
    `error: {"code":500}\n`;
  assert.deepEqual(lines.push(new TextEncoder().encode(stream)), [
    { type: "error", data: A },
    { type: "x", data: B },
    { type: "y", data: A },
    { type: "error", data: '{"code":500}' },
  ]);
});
