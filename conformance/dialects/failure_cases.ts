/** Cases about failures and streams: errors of the upstream, and how a stream comes and ends. */
import type { Reply } from "../../dialects/mod.ts";
import { textOf, valueOf } from "../client/transcript.ts";
import { ask, CLOCK, contentType, dialectCase, HELLO, pairOf, WEATHER } from "./dialect_case.ts";
import { KINDS, readError } from "./error_shape.ts";
import type { Question } from "./request.ts";
import { orderFaults, saysEnd } from "./stream_order.ts";

/** Errors of the upstream, and statuses that a client may see for them. */
const ERRORS: readonly (readonly [status: number, as: readonly number[]])[] = [
  [400, [400]],
  [401, [401, 500, 502]],
  [403, [403, 500, 502]],
  [404, [404]],
  [413, [413]],
  [429, [429]],
  [500, [500, 502]],
  [529, [529, 503]],
];

/** Each status, asked whole and as a stream. */
export const ERROR_CASES = ERRORS.flatMap(([status, as]) =>
  [false, true].map((stream) =>
    dialectCase({
      id: `error-${status}-${stream ? "sse" : "json"}`,
      requirement: `The upstream's ${status} reaches the client as an error in its own shape (${
        stream ? "a stream was asked for" : "whole"
      })`,
      async run(t) {
        t.upstream.reply({ error: { status, message: "Told by the upstream", retry_after: 3 } });
        const transcript = await ask(t, { ...HELLO, stream });
        t.oneOf("status", as, transcript.head?.status);
        const { client } = pairOf(t);
        const error = readError(client, textOf(transcript));
        t.that("error", error !== undefined, "an error in the client's shape", error ?? "none");
        const seen = transcript.head?.status ?? status;
        if (error && seen === status) t.oneOf("kind", KINDS[client][status] ?? [], error.kind);
        if (error && status < 500 && seen === status) {
          const said = String(error.message);
          t.that("message", said.includes("Told by the upstream"), "the upstream's words", said);
        }
      },
    })
  )
);

/** Answers whose events have an order of their own. */
const ORDERED: readonly {
  readonly id: string;
  readonly what: string;
  readonly reply: Reply;
  readonly tools?: Question["tools"];
}[] = [
  { id: "text", what: "text", reply: { text: "Sunny in Oslo." } },
  { id: "thoughts", what: "thoughts and text", reply: { text: "42", reasoning: "thinking" } },
  {
    id: "calls",
    what: "text and two calls",
    reply: {
      text: "Let me look.",
      tool_calls: [
        { name: "get_weather", arguments: { city: "Oslo" } },
        { name: "get_time", arguments: {} },
      ],
    },
    tools: [WEATHER, CLOCK],
  },
];

/** When to try again, and streams as streams. */
export const STREAM_CASES = [
  dialectCase({
    id: "retry-after",
    level: "should",
    requirement: "When to try again reaches the client",
    async run(t) {
      t.upstream.reply({ error: { status: 429, message: "Slow down", retry_after: 3 } });
      const { head } = await ask(t, HELLO);
      t.equal("retry-after", "3", valueOf(head?.headers ?? [], "retry-after"));
    },
  }),
  dialectCase({
    id: "stream-type",
    requirement: "A stream is said to be one",
    async run(t) {
      t.upstream.reply({ reply: "ok" });
      const transcript = await ask(t, { ...HELLO, stream: true });
      t.that(
        "content-type",
        contentType(transcript).startsWith("text/event-stream"),
        "text/event-stream",
        contentType(transcript),
      );
      t.equal("end", "complete", transcript.end?.kind);
    },
  }),
  ...ORDERED.map(({ id, what, reply, tools }) =>
    dialectCase({
      id: `stream-order-${id}`,
      requirement: `A stream of ${what} has its events in order, one end, and nothing empty`,
      async run(t) {
        t.upstream.reply({ reply });
        const question = { ...HELLO, stream: true, ...(tools && { tools }) };
        const { events } = await ask(t, question);
        t.equal("order", [], orderFaults(pairOf(t).client, events));
      },
    })
  ),
  dialectCase({
    id: "stream-pieces",
    requirement: "A stream of many pieces comes in several events",
    async run(t) {
      t.upstream.reply({ reply: { text: "one two three four five six seven eight" } });
      const { events } = await ask(t, { ...HELLO, stream: true });
      t.that("events", events.length >= 5, ">= 5", events.length);
    },
  }),
  dialectCase({
    id: "stream-cut",
    requirement: "A stream that the upstream cuts off is no clean end for the client",
    async run(t) {
      t.upstream.reply({ reply: { text: "one two three four", abort: "fin", after: 4 } });
      const transcript = await ask(t, { ...HELLO, stream: true });
      const { client } = pairOf(t);
      const told = transcript.end?.kind === "complete" && saysEnd(client, transcript.events);
      t.equal("told as an end", false, told);
    },
  }),
];
