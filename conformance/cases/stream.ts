/** Cases on streams, event by event. */
import { BOTH, type Case } from "../case.ts";
import { bodyHash, sha256, textOf, valueOf, valuesOf } from "../client/transcript.ts";
import type { Exchange } from "../client/exchange.ts";
import type { UpstreamStep } from "../target.ts";
import { chunkText, DONE, STREAM_HEAD, streamOf } from "./shapes.ts";

const SEED = "Project: streaming-safe, streams pass unchanged";
const OAI = "OpenAI API reference: streaming, `data: [DONE]` ends the stream";

/** Events of one lock-step stream. */
const LOCKSTEP_EVENTS = 8;

/** Returns a stream whose event n+1 is sent only after the barrier `n` is released. */
export function lockstep(events: number): UpstreamStep[] {
  const steps: UpstreamStep[] = [STREAM_HEAD];
  for (let n = 0; n < events; n++) {
    if (n > 0) steps.push({ barrier: String(n) });
    steps.push({ write: chunkText(`token ${n}`, n) });
  }
  return [...steps, { barrier: "done" }, { write: DONE }, { end: true }];
}

/** Waits for the nth token, whatever else a gateway that rewrites chunks sends around it. */
function token(exchange: Exchange, n: number): Promise<string> {
  return exchange.until(
    `token ${n} at the client`,
    () => exchange.transcript.events.map(contentOf).find((content) => content === `token ${n}`),
  );
}

/** Returns the content of a chat completion chunk, if the event is one. */
function contentOf({ data }: { data: string }): string | undefined {
  try {
    return JSON.parse(data).choices?.[0]?.delta?.content;
  } catch {
    return undefined;
  }
}

/** How events get through: in time, whole, and ended as they should be. */
export const STREAM_CASES: readonly Case[] = [
  {
    id: "sse.lockstep",
    level: "must",
    control: "upstream",
    requirement: "Each event reaches the client before the upstream sends the next one",
    source: `${SEED}; gRPC interop ping_pong`,
    axes: BOTH,
    async run(t) {
      t.upstream.script(...lockstep(LOCKSTEP_EVENTS));
      const exchange = await t.send(t.chat({ stream: true }));
      for (let n = 0; n < LOCKSTEP_EVENTS; n++) {
        const content = await token(exchange, n);
        t.equal(`event ${n + 1} came before the next was sent`, `token ${n}`, content);
        t.upstream.release(n + 1 < LOCKSTEP_EVENTS ? String(n + 1) : "done");
      }
      t.equal("the response is complete", "complete", (await exchange.ended()).kind);
      t.equal("terminator", "[DONE]", exchange.transcript.events.at(-1)?.data);
    },
  },
  {
    id: "sse.first-byte",
    level: "must",
    control: "upstream",
    requirement: "Headers and the first event arrive while the upstream holds the rest",
    source: SEED,
    axes: BOTH,
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        { barrier: "first" },
        { write: chunkText("a") },
        {
          barrier: "rest",
        },
        { write: DONE },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      const head = await exchange.head();
      t.equal("status, before any event was sent", 200, head.status);
      t.upstream.release("first");
      await exchange.event(0);
      t.equal("events, while the rest is held", 1, exchange.transcript.events.length);
      t.upstream.release("rest");
      t.equal("the response is complete", "complete", (await exchange.ended()).kind);
    },
  },
  {
    id: "sse.bytes-identical",
    level: "must",
    control: "upstream",
    requirement: "The bytes of a stream pass unchanged: comments, ids, retry, odd line ends",
    source: SEED,
    axes: BOTH,
    async run(t) {
      const writes = [
        ": hello\n\n",
        "id: 7\nretry: 10\n",
        "event: odd\ndata:no space\ndata:  two spaces\n\n",
        'data: {"é": "😀"}\r\n\r\n',
        "data\n\n\n\n: ping\n",
        chunkText("x"),
        DONE,
        "\n",
      ];
      t.upstream.script(...streamOf(...writes));
      const transcript = await t.ask({ stream: true });
      t.equal("SHA-256", sha256(writes.join("")), bodyHash(transcript));
      t.equal("bytes", writes.join("").length, textOf(transcript).length);
      t.equal("the response is complete", "complete", transcript.end?.kind);
    },
  },
  {
    id: "sse.done-exact",
    level: "must",
    control: "none",
    requirement: "The last event is `data: [DONE]` and a blank line, once, with nothing after it",
    source: OAI,
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask({ stream: true });
      const text = textOf(transcript);
      t.equal("status", 200, transcript.head?.status);
      t.equal("terminators", 1, text.split(/^data: ?\[DONE\]/m).length - 1);
      t.equal("last event", "[DONE]", transcript.events.at(-1)?.data);
      t.that(
        "end of the body",
        /\ndata: ?\[DONE\](\r\n\r\n|\n\n|\r\r)$/.test(text),
        "[DONE], blank line",
        text.slice(-40),
      );
    },
  },
  {
    id: "sse.eof-after-done",
    level: "must",
    control: "none",
    requirement: "The body ends within 5 s of [DONE]: SDKs read on until the end",
    source: "openai-node src/core/streaming.ts: reads on after [DONE]",
    axes: BOTH,
    async run(t) {
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.until(
        "[DONE] at the client",
        () => exchange.transcript.events.at(-1)?.data === "[DONE]" || undefined,
      );
      const end = await exchange.ended({ deadlineMs: t.ms(5_000) });
      t.equal("end", "complete", end.kind);
    },
  },
  {
    id: "sse.content-type",
    level: "must",
    control: "none",
    requirement: "A stream is text/event-stream; the charset parameter passes as sent",
    source: "WHATWG HTML section 9.2.5",
    axes: BOTH,
    async run(t) {
      const type = (headers: [string, string][] = []) => valuesOf(headers, "content-type");
      const plain = await t.ask({ stream: true });
      const seen = type(plain.head?.headers);
      t.that(
        "content-type",
        seen.length === 1 && /^text\/event-stream/.test(seen[0] ?? ""),
        "text/event-stream, once",
        seen,
      );
      if (!t.target.upstream) return;
      const part = t.fork("charset");
      const sent = "text/event-stream; charset=UTF-8";
      part.upstream.script(
        { headers: { headers: { "content-type": sent } } },
        { write: DONE },
        { end: true },
      );
      const transcript = await part.ask({ stream: true });
      t.equal("with charset", [sent], type(transcript.head?.headers));
    },
  },
  {
    id: "sse.no-content-length",
    level: "must",
    control: "upstream",
    requirement: "A stream has no content-length: chunked on HTTP/1.1, DATA frames on HTTP/2",
    source: "RFC 9112 section 6; RFC 9113 section 8.1",
    axes: BOTH,
    async run(t) {
      t.upstream.script(...streamOf(chunkText("a"), DONE));
      const { head, framing, end } = await t.ask({ stream: true });
      t.equal("content-length", undefined, valueOf(head?.headers ?? [], "content-length"));
      t.oneOf("framing", t.protocol === "h1" ? ["chunked", "close"] : ["data"], framing);
      t.equal("the response is complete", "complete", end?.kind);
    },
  },
];
