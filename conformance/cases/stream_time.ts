/** Cases on long and silent streams. */
import { gzipSync } from "node:zlib";
import { Buffer } from "node:buffer";
import { BOTH, type Case } from "../case.ts";
import type { Exchange } from "../client/exchange.ts";
import { bodyOf, requestIdOf, textOf, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { now } from "../../service/mod.ts";
import type { UpstreamStep } from "../target.ts";
import { chunkText, DONE, STREAM_HEAD } from "./shapes.ts";
import { lockstep } from "./stream.ts";

const TO = "Envoy FAQ: how do I configure timeouts";

/** Code details of Envoy's timers: who ended a stream (response code details documentation). */
const TIMERS: Readonly<Record<string, string>> = {
  response_timeout: "route timeout (15 s by default, from the end of the request)",
  per_try_timeout: "retry_policy.per_try_timeout",
  per_try_idle_timeout: "retry_policy.per_try_idle_timeout",
  stream_idle_timeout: "stream_idle_timeout (5 min by default)",
  request_overall_timeout: "request_timeout",
  request_header_timeout: "request_headers_timeout",
  duration_timeout: "max_stream_duration",
  upstream_max_stream_duration_reached: "max_stream_duration of the cluster",
};

/** Says which timer ended a stream, when Envoy can be asked. */
async function timerOf(t: CaseContext, exchange: Exchange): Promise<string> {
  const id = requestIdOf(exchange.transcript);
  if (!t.target.envoy?.accessLog || id === undefined) return "not known: no access log";
  const { codeDetails, flags } = await t.envoy.line(id);
  const name = Object.keys(TIMERS).find((key) => codeDetails?.includes(key));
  return name
    ? `${name}: ${TIMERS[name]}`
    : `${codeDetails ?? "not logged"}, flags ${flags ?? "not logged"}`;
}

/** Waits for the end of a stream that must survive a silence, and names what ended it early. */
async function survives(
  t: CaseContext,
  exchange: Exchange,
  options: { events: number; waitMs: number },
): Promise<void> {
  const end = await exchange.ended({ deadlineMs: options.waitMs + t.ms(8_000) });
  const { events, head } = exchange.transcript;
  t.equal("status", 200, head?.status);
  // A gateway that rewrites streams may add chunks of its own; none may be missing.
  const all = events.length >= options.events;
  t.that("events", all, `>= ${options.events}`, events.length);
  t.equal("last event", "[DONE]", events.at(-1)?.data);
  const whole = end.kind === "complete" && all;
  const ended = whole ? "complete" : `${end.kind}; timer: ${await timerOf(t, exchange)}`;
  t.that("end", whole, "complete", ended);
}

/** Returns a case that is silent for `seconds` after the first event. */
function silence(seconds: number): UpstreamStep[] {
  return [
    STREAM_HEAD,
    { write: chunkText("before") },
    { sleep: seconds * 1000 },
    { write: chunkText("after") },
    { write: DONE },
    { end: true },
  ];
}

/** Time: pace, silence, and how a stream ends. */
export const STREAM_TIME_CASES: readonly Case[] = [
  {
    id: "sse.cadence",
    level: "should",
    control: "upstream",
    requirement: "Events keep the pace at which the upstream sent them: no bursts",
    source: "mccutchen/go-httpbin /sse: its trailer reports the sender's pace",
    axes: BOTH,
    // Cases beside it would be measured, too.
    exclusive: true,
    async run(t) {
      const events = 20;
      const gap = 50;
      const steps: UpstreamStep[] = [STREAM_HEAD];
      for (let n = 0; n < events; n++) {
        steps.push({ event: { data: { n } } }, { sleep: gap });
      }
      t.upstream.script(...steps, { event: { data: "[DONE]" } }, { end: true });
      const began = now();
      const exchange = await t.send(t.chat({ stream: true }));
      const transcript = await exchange.done();
      const late = t.lateness.worstSince(began);
      const received = transcript.events.slice(0, events).map(({ at }) => at);
      const { eventTimes } = await t.upstream.request("end at the upstream", (r) => !!r.end);
      const sent = eventTimes.slice(0, events);
      const most = crowd(sent) + 2;
      const lags = received.map((at, n) => at - (sent[n] ?? at)).toSorted((a, b) => a - b);
      const median = lags[Math.floor(lags.length / 2)] ?? 0;
      const inPace = crowd(received) <= most && median <= gap;
      // A suite that is late by half a gap cannot tell whose fault a burst is. An even stream is one on any machine.
      if (!inPace && late > gap / 2) {
        t.tooBusy(`sender and client were late by up to ${Math.round(late)} ms`);
      }
      t.equal("events", events, received.length);
      t.that(
        "most events within a tenth of the span",
        crowd(received) <= most,
        `<= ${most}`,
        crowd(received),
      );
      t.that("median lag behind the sender", median <= gap, `<= ${gap} ms`, median);
    },
  },
  {
    id: "sse.comments-keepalive",
    level: "must",
    control: "upstream",
    requirement: "A keep-alive comment passes at once",
    source: "WHATWG HTML section 9.2.7: a comment about every 15 s",
    axes: BOTH,
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        { write: ": ping\n\n" },
        { barrier: "rest" },
        { write: DONE },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      const comment = await exchange.until(
        "comment at the client",
        () => exchange.transcript.comments[0],
      );
      t.equal("comment, while the rest is held", " ping", comment.text);
      t.upstream.release("rest");
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  },
  {
    id: "sse.no-compression",
    level: "should",
    control: "upstream",
    requirement: "A client that accepts gzip and br still gets each event at once",
    source: "tower-http#420; jetty#4317",
    axes: BOTH,
    async run(t) {
      t.upstream.script(...lockstep(4));
      const spec = t.chat({ stream: true, headers: [["accept-encoding", "gzip, br"]] });
      const exchange = await t.send(spec);
      const head = await exchange.head();
      const coding = valueOf(head.headers, "content-encoding") ?? "identity";
      if (!t.equal("content-encoding", "identity", coding)) return;
      for (let n = 0; n < 4; n++) {
        await exchange.event(n);
        t.upstream.release(n < 3 ? String(n + 1) : "done");
      }
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  },
  {
    id: "sse.gzip-from-upstream",
    level: "may",
    control: "upstream",
    requirement: "A stream that the upstream compresses passes as it is, piece by piece",
    source: "envoyproxy/ai-gateway test upstream: gzip with a flush per event",
    axes: BOTH,
    async run(t) {
      const parts = ["one", "two", "three"].map((word) => gzipSync(Buffer.from(chunkText(word))));
      const steps: UpstreamStep[] = [{
        headers: { headers: { "content-type": "text/event-stream", "content-encoding": "gzip" } },
      }];
      for (const [n, part] of parts.entries()) {
        steps.push({ write_base64: part.toString("base64") }, { barrier: String(n) });
      }
      t.upstream.script(...steps, { end: true });
      const exchange = await t.send(t.chat({
        stream: true,
        headers: [["accept-encoding", "gzip"]],
      }));
      let total = 0;
      for (const [n, part] of parts.entries()) {
        total += part.length;
        await exchange.bytes(total);
        t.upstream.release(String(n));
      }
      const transcript = await exchange.done();
      const all = Buffer.concat(parts).toString("base64");
      t.equal("bytes", all, Buffer.from(bodyOf(transcript)).toString("base64"));
    },
  },
  {
    id: "sse.usage-chunk",
    level: "must",
    control: "none",
    requirement: "With include_usage the last chunk before [DONE] has usage and no choices",
    source: "OpenAI API reference: stream_options.include_usage",
    axes: BOTH,
    async run(t) {
      const body = { stream_options: { include_usage: true } };
      const { events } = await t.ask({ stream: true, body });
      const chunks = events.filter(({ data }) => data !== "[DONE]").map(({ data }) =>
        JSON.parse(data)
      );
      const last = chunks.at(-1);
      t.equal("choices of the last chunk", [], last?.choices);
      t.equal("its usage has a total", "number", typeof last?.usage?.total_tokens);
      const early = chunks.slice(0, -1).filter(({ usage }) =>
        usage !== null && usage !== undefined
      );
      t.equal("chunks before it with usage", 0, early.length);
    },
  },
  {
    id: "sse.upstream-abort",
    level: "must",
    control: "upstream",
    requirement:
      "An upstream that dies mid-stream is an abnormal end for the client, never a clean one",
    source: "RFC 9112 section 8; RFC 9113 section 8.1.1",
    axes: BOTH,
    async run(t) {
      for (const how of ["rst", "fin", "bad_chunk"] as const) {
        const part = t.fork(how.replace("_", "-"));
        part.upstream.script(
          STREAM_HEAD,
          { write: chunkText("a") },
          { write: chunkText("b") },
          { barrier: "seen" },
          { abort: how },
        );
        const exchange = await part.send(part.chat({ stream: true }));
        await exchange.event(1);
        part.upstream.release("seen");
        const end = await exchange.ended();
        const text = textOf(exchange.transcript);
        t.oneOf(`${how}: end`, ["fin", "rst", "stream-reset"], end.kind);
        t.equal(`${how}: no [DONE] is made up`, false, text.includes("[DONE]"));
        t.equal(`${how}: events`, 2, exchange.transcript.events.length);
      }
    },
  },
  {
    id: "sse.upstream-clean-short",
    level: "must",
    control: "upstream",
    requirement: "A clean end without [DONE] stays one: the gateway adds nothing",
    source: "Project: streams pass unchanged",
    axes: BOTH,
    async run(t) {
      const text = chunkText("a") + chunkText("b");
      t.upstream.script(STREAM_HEAD, { write: text }, { end: true });
      const transcript = await t.ask({ stream: true });
      t.equal("body", text, textOf(transcript));
      t.equal("end", "complete", transcript.end?.kind);
    },
  },
  {
    id: "sse.idle-20s",
    level: "must",
    control: "upstream",
    requirement: "A stream survives 20 s of silence",
    source: `${TO}; envoy-swarm-control-plane#16 (cut by the 15 s route timeout)`,
    axes: BOTH,
    waits: true,
    deadlineMs: 60_000,
    async run(t) {
      t.upstream.script(...silence(20));
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      t.settled();
      await survives(t, exchange, { events: 3, waitMs: 20_000 });
    },
  },
  {
    id: "sse.slow-ttft",
    level: "must",
    control: "upstream",
    requirement: "A first byte after 20 s arrives",
    source: TO,
    axes: BOTH,
    waits: true,
    deadlineMs: 60_000,
    async run(t) {
      t.upstream.script({ sleep: 20_000 }, STREAM_HEAD, { write: DONE }, { end: true });
      const exchange = await t.send(t.chat({ stream: true }));
      await t.upstream.request();
      t.settled();
      await survives(t, exchange, { events: 1, waitMs: 20_000 });
    },
  },
  {
    id: "sse.total-75s",
    level: "should",
    control: "upstream",
    requirement: "A steady stream of 75 s is not cut",
    source: "nicolerenee/infra PR 2078 (cut at 61 s with status 200)",
    axes: BOTH,
    waits: true,
    slow: true,
    deadlineMs: 110_000,
    async run(t) {
      const count = 75;
      t.upstream.script(
        STREAM_HEAD,
        { repeat: { times: count, steps: [{ write: chunkText("a") }, { sleep: 1_000 }] } },
        { write: DONE },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      t.settled();
      await survives(t, exchange, { events: count + 1, waitMs: 80_000 });
    },
  },
  {
    id: "sse.idle-5min",
    level: "may",
    control: "upstream",
    requirement: "A stream survives more than 5 minutes of silence: Envoy's default idle timeout",
    source: TO,
    axes: ["h1"],
    waits: true,
    slow: true,
    deadlineMs: 340_000,
    async run(t) {
      t.upstream.script(...silence(305));
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.event(0);
      t.settled();
      await survives(t, exchange, { events: 3, waitMs: 305_000 });
    },
  },
  {
    id: "sse.trailers",
    level: "may",
    control: "upstream",
    feature: "trailers",
    requirement: "Trailers after a stream pass on HTTP/2",
    source: "RFC 9110 section 6.5",
    axes: ["h2c"],
    async run(t) {
      t.upstream.script(STREAM_HEAD, { write: DONE }, { trailers: { "x-case-trailer": "1" } }, {
        end: true,
      });
      const { trailers } = await t.ask({ stream: true });
      t.equal("x-case-trailer", "1", valueOf(trailers, "x-case-trailer"));
    },
  },
];

/** Returns the largest number of times that fall into one tenth of the whole span. */
function crowd(times: readonly number[]): number {
  const span = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const window = span / 10;
  return Math.max(
    ...times.map((from) => times.filter((at) => at >= from && at <= from + window).length),
    0,
  );
}
