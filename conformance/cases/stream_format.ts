/** Cases on the bytes of streams. */
import { Buffer } from "node:buffer";
import { BOTH, type Case, type Level } from "../case.ts";
import { bodyHash, sha256 } from "../client/transcript.ts";
import type { UpstreamStep } from "../target.ts";
import { type SseVector, vectorsNamed, writesOf } from "../vectors/mod.ts";
import { bytes, chunkText, DONE, filler, STREAM_HEAD } from "./shapes.ts";

const SSE = "WHATWG HTML sections 9.2.5 and 9.2.6";

/** Returns the steps of a stream with these bytes, one write each. */
function streamOfBytes(writes: readonly Uint8Array[]): UpstreamStep[] {
  const steps = writes.map((write) => ({ write_base64: Buffer.from(write).toString("base64") }));
  return [STREAM_HEAD, ...steps, { end: true }];
}

/** Makes a case out of vectors: bytes unchanged, and the same events for a reader. */
function vectorCase(
  id: string,
  level: Level,
  text: { requirement: string; source: string },
  names: string[],
): Case {
  const vectors: SseVector[] = vectorsNamed(...names);
  return {
    id,
    level,
    control: "upstream",
    ...text,
    axes: BOTH,
    async run(t) {
      for (const vector of vectors) {
        const writes = writesOf(vector);
        const part = t.fork(names.indexOf(vector.name));
        part.upstream.script(...streamOfBytes(writes));
        const transcript = await part.ask({ stream: true });
        t.equal(`${vector.name}: SHA-256`, sha256(Buffer.concat(writes)), bodyHash(transcript));
        const seen = transcript.events.map(({ data, type, id }) => ({ data, event: type, id }));
        const expected = vector.events.map(({ data, event = "message", id = "" }) => ({
          data,
          event,
          id,
        }));
        t.equal(`${vector.name}: events`, expected, seen);
        t.equal(`${vector.name}: end`, "complete", transcript.end?.kind);
      }
    },
  };
}

/** Forms of a stream: every byte of it passes. */
export const STREAM_FORMAT_CASES: readonly Case[] = [
  vectorCase("sse.eol-lf", "must", {
    requirement: "Events with LF line ends pass unchanged",
    source: SSE,
  }, ["eol-lf"]),
  vectorCase("sse.eol-crlf", "must", {
    requirement: "Events with CRLF line ends pass unchanged",
    source: SSE,
  }, ["eol-crlf"]),
  vectorCase("sse.eol-cr", "should", {
    requirement: "Events with CR line ends, and mixed ones, pass unchanged",
    source: SSE,
  }, ["eol-cr", "eol-mixed"]),
  vectorCase("sse.crlf-split", "must", {
    requirement: "CR and LF in different chunks make no extra line",
    source: SSE,
  }, ["crlf-split-after-cr", "crlf-split-between-lines"]),
  vectorCase("sse.utf8-split", "must", {
    requirement: "A character cut over chunks arrives whole, without U+FFFD",
    source: "katanemo/plano#980; RFC 3629",
  }, ["utf8-split-1-3", "utf8-split-2-2", "utf8-split-3-1", "utf8-split-two-byte"]),
  vectorCase("sse.event-split", "must", {
    requirement: "One event over many chunks, and many events in one chunk, pass unchanged",
    source: "aibrix PR 2653; graniet/llm PR 90",
  }, [
    "event-split-in-two",
    "event-split-in-many",
    "event-split-at-blank-line",
    "many-events-in-one-chunk",
  ]),
  vectorCase("sse.bom", "should", {
    requirement: "A byte order mark passes; a reader ignores one and only one",
    source: "web-platform-tests eventsource/format-bom, format-bom-2",
  }, ["bom-once", "bom-twice", "bom-split"]),
  vectorCase("sse.multi-line-data", "must", {
    requirement: "Several data lines of one event stay one event",
    source: "web-platform-tests eventsource/event-data",
  }, ["multi-line-data", "empty-data"]),
  vectorCase("sse.fields", "should", {
    requirement: "event, id, retry and unknown fields pass, with their spaces and case",
    source: SSE,
  }, ["fields", "field-case-matters", "colon-in-value"]),
  vectorCase("sse.nul-and-escapes", "may", {
    requirement: "NUL in data and JSON escapes of line separators pass",
    source: "web-platform-tests eventsource/format-null-character",
  }, ["nul-in-data", "nul-in-id", "json-escapes"]),
  vectorCase("sse.incomplete-tail", "must", {
    requirement: "Bytes of an event that was not ended pass, and make no event",
    source: "web-platform-tests eventsource/format-data-before-final-empty-line",
  }, ["incomplete-tail", "incomplete-tail-without-line-end"]),
  vectorCase("sse.error-event", "must", {
    requirement: "An error in the middle of a stream passes unchanged",
    source: "openai-node src/core/streaming.ts: data.error, and event: error",
  }, ["error-in-data", "error-event"]),
  vectorCase("sse.responses-api", "should", {
    requirement: "Events of the Responses API keep their event lines and sequence numbers",
    source: "OpenAI API reference: Responses streaming events",
  }, ["responses-api"]),
  {
    ...vectorCase("sse.tool-call-deltas", "should", {
      requirement: "Fragments of tool-call arguments join to valid JSON",
      source: "OpenAI API reference: chat.completion.chunk, delta.tool_calls",
    }, ["tool-call-deltas"]),
    async run(t) {
      const [vector] = vectorsNamed("tool-call-deltas");
      if (!vector) return;
      t.upstream.script(...streamOfBytes(writesOf(vector)));
      const transcript = await t.ask({ stream: true });
      const deltas = transcript.events.filter(({ data }) => data !== "[DONE]").map(({ data }) =>
        JSON.parse(data)
      );
      const text = deltas.map((chunk) =>
        chunk.choices?.[0]?.delta?.tool_calls?.[0]?.function?.arguments
      )
        .join("");
      t.equal("arguments", '{"city":"Köln"}', text);
      t.equal("SHA-256", sha256(Buffer.concat(writesOf(vector))), bodyHash(transcript));
    },
  },
  {
    id: "sse.byte-at-a-time",
    level: "should",
    control: "upstream",
    requirement: "A stream that is written byte by byte passes unchanged",
    source: "Shopify/toxiproxy: slicer",
    axes: BOTH,
    async run(t) {
      const text = chunkText("Grüße 😀") + ": ping\r\n\r\n" + DONE;
      const writes = [...bytes(text)].map((byte) => Uint8Array.of(byte));
      t.upstream.script(...streamOfBytes(writes));
      const transcript = await t.ask({ stream: true });
      t.equal("SHA-256", sha256(text), bodyHash(transcript));
      t.equal("events", 2, transcript.events.length);
    },
  },
  {
    id: "sse.big-event",
    level: "should",
    control: "upstream",
    requirement: "One event of 1 MiB passes",
    source: "Tool arguments and images in base64 make events of this size",
    axes: BOTH,
    async run(t) {
      const text = `data: {"arguments":"${filler(1 << 20, t.random)}"}\n\n${DONE}`;
      t.upstream.script(STREAM_HEAD, { write: text }, { end: true });
      const transcript = await t.ask({ stream: true });
      t.equal("SHA-256", sha256(text), bodyHash(transcript));
      t.equal("events", 2, transcript.events.length);
    },
  },
  {
    id: "sse.buffer-edge",
    level: "should",
    control: "upstream",
    requirement: "Events of 65,535, 65,536 and 65,537 bytes pass: the edges of windows and buffers",
    source: "RFC 9113 section 6.9.2: initial window of 65,535 bytes",
    axes: BOTH,
    async run(t) {
      for (const size of [65_535, 65_536, 65_537]) {
        const part = t.fork(size);
        const text = `data: ${filler(size - 8, t.random)}\n\n`;
        part.upstream.script(STREAM_HEAD, { write: text }, { end: true });
        const transcript = await part.ask({ stream: true });
        t.equal(`${size}: SHA-256`, sha256(text), bodyHash(transcript));
        t.equal(`${size}: events`, 1, transcript.events.length);
      }
    },
  },
  {
    id: "sse.10k-events",
    level: "should",
    control: "upstream",
    requirement: "10,000 small events arrive, all and in order",
    source: "Long answers have this many tokens",
    deadlineMs: 60_000,
    async run(t) {
      const count = 10_000;
      const per = 10;
      const writes: string[] = [];
      for (let n = 0; n < count; n += per) {
        writes.push(Array.from({ length: per }, (_, i) => `data: ${n + i}\n\n`).join(""));
      }
      t.upstream.script(STREAM_HEAD, ...writes.map((write) => ({ write })), { end: true });
      const exchange = await t.send(t.chat({ stream: true }));
      const transcript = await exchange.done({ deadlineMs: t.ms(25_000) });
      t.equal("events", count, transcript.events.length);
      const wrong = transcript.events.findIndex(({ data }, n) => data !== String(n));
      t.equal("first event out of order", -1, wrong);
      t.equal("SHA-256", sha256(writes.join("")), bodyHash(transcript));
    },
  },
];
