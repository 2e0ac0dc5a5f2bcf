import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { StreamEvent } from "./stream_event.ts";
import { startUpstream } from "../mod.ts";
import { chunksOf, RawClient, request } from "../testing/raw_client.ts";

const TEXTS: { name: string; text: string; encoding: "latin1" | "utf8" }[] = [
  { name: "ASCII", text: "data: hello\n\n", encoding: "latin1" },
  { name: "Latin-1", text: "data: Grüße\n\n", encoding: "utf8" },
  { name: "four bytes a character", text: "data: 🦕\n\n", encoding: "utf8" },
  { name: "half a surrogate pair", text: "data: \ud83e\n\n", encoding: "utf8" },
];

for (const { name, text, encoding } of TEXTS) {
  Deno.test(`StreamEvent frames ${name} as one chunk with its length in UTF-8`, () => {
    const event = new StreamEvent(text);
    const bytes = Buffer.from(text);
    assert.equal(event.bytes, bytes.length);
    assert.equal(event.encoding, encoding);
    const { chunk } = event;
    assert.ok(typeof chunk === "string");
    const whole = Buffer.from(chunk, event.encoding);
    const size = bytes.length.toString(16);
    assert.deepEqual(
      whole,
      Buffer.concat([Buffer.from(`${size}\r\n`), bytes, Buffer.from("\r\n")]),
    );
    assert.deepEqual(Buffer.from(event.chunk), whole);
  });
}

Deno.test("a script's events keep their characters on the wire, repeated or stamped", async () => {
  await using upstream = await startUpstream({ pace: "none" });
  const event = { event: { data: "Grüße 🦕" } };
  upstream.scripts.set("characters", {
    steps: [{ repeat: { times: 3, steps: [event] } }, { stamp: true }, event],
  });
  await using client = await RawClient.connect(upstream.port);
  client.send(request("/v1/chat/completions", { headers: { "x-mock-script": "characters" } }));
  const text = await client.until((seen) => seen.endsWith("0\r\n\r\n"));
  const chunks = chunksOf(text).map((chunk) => Buffer.from(chunk, "latin1").toString());
  assert.deepEqual(chunks.slice(0, 3), Array(3).fill("data: Grüße 🦕\n\n"));
  assert.match(chunks[3] ?? "", /^: t=\d+\ndata: Grüße 🦕\n\n$/);
  assert.equal(chunks.length, 4);
  const exchange = await upstream.journal.waitFor((entry) => entry.end !== undefined);
  assert.equal(exchange.events, 4);
  assert.equal(exchange.bytesWritten, Buffer.byteLength(chunks.join("")));
});

Deno.test("a stream that is kept is the same bytes each time, with a write per event", async () => {
  await using upstream = await startUpstream({ pace: { ttft: 0, itl: 0, burst: 1 } });
  await using client = await RawClient.connect(upstream.port);
  const body = JSON.stringify({
    model: "m",
    stream: true,
    messages: [{ role: "user", content: "Grüße 🦕" }],
  });
  const bodies: string[] = [];
  for (let i = 0; i < 3; i++) {
    const before = client.text.length;
    client.send(request("/v1/chat/completions", { body: Buffer.from(body).toString("latin1") }));
    const text = await client.until((seen) => seen.length > before && seen.endsWith("0\r\n\r\n"));
    bodies.push(text.slice(before));
  }
  assert.equal(bodies[1], bodies[0]);
  assert.equal(bodies[2], bodies[0]);
  assert.match(Buffer.from(bodies[0] ?? "", "latin1").toString(), /🦕/);
});
