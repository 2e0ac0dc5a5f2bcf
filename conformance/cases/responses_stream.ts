/** A Responses gateway: its events, their order, and when they come. */
import { BOTH, type Case } from "../case.ts";
import { valueOf } from "../client/transcript.ts";
import {
  answered,
  create,
  creation,
  eventAt,
  eventsOf,
  type Json,
  modelChunk,
  modelStream,
  streamed,
  STREAMING,
  textOf,
} from "./responses_requests.ts";
import { STREAM_HEAD } from "./shapes.ts";

/** Pieces of the answer that is held after each one. */
const PIECES = 4;

/** Events before and after the pieces of one text (streaming events). */
const BEFORE = [
  "response.created",
  "response.in_progress",
  "response.output_item.added",
  "response.content_part.added",
];
const AFTER = [
  "response.output_text.done",
  "response.content_part.done",
  "response.output_item.done",
  "response.completed",
];
const DELTA = "response.output_text.delta";

/** A call of the model, in two pieces. */
const CALL = [
  {
    tool_calls: [{
      index: 0,
      id: "call_1",
      type: "function",
      function: { name: "weather", arguments: '{"city":' },
    }],
  },
  { tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] },
];
const TOOLS = [{
  type: "function",
  name: "weather",
  parameters: { type: "object", properties: { city: { type: "string" } } },
}];

export const RESPONSE_STREAM_CASES: readonly Case[] = [
  streamed({
    id: "responses.events",
    level: "must",
    requirement: "A streamed text has every event of its life, once and in order",
    source: STREAMING,
    axes: BOTH,
    async run(t) {
      const transcript = await t.ask(creation(t, { stream: true }));
      const type = valueOf(transcript.head?.headers ?? [], "content-type");
      t.that("content-type", /^text\/event-stream\b/.test(type ?? ""), "text/event-stream", type);
      const types = eventsOf(transcript).map((event) => event?.type);
      const deltas = types.filter((one) => one === DELTA).length;
      t.that("deltas", deltas > 0, "at least one", deltas);
      t.equal("events", [...BEFORE, ...Array(deltas).fill(DELTA), ...AFTER], types);
      const names = transcript.events.map(({ type }) => type);
      t.equal("names of the events are their types", types, names);
      t.equal("the response is complete", "complete", transcript.end?.kind);
    },
  }),
  streamed({
    id: "responses.sequence",
    level: "must",
    requirement: "sequence_number rises by one from 0 over all events",
    source: STREAMING,
    async run(t) {
      const events = eventsOf(await t.ask(creation(t, { stream: true })));
      const numbers = events.map((event) => event?.sequence_number);
      t.equal("sequence numbers", events.map((_, n) => n), numbers);
    },
  }),
  streamed({
    id: "responses.stream-adds-up",
    level: "must",
    requirement: "The deltas are the text, the text is the part, and the last event holds it all",
    source: STREAMING,
    async run(t) {
      const events = eventsOf(await t.ask(creation(t, { stream: true })));
      const of = (type: string) => events.find((event) => event?.type === type);
      const text = events.filter((event) => event?.type === DELTA).map(({ delta }) => delta)
        .join("");
      t.equal("output_text.done", text, of("response.output_text.done")?.text);
      t.equal("content_part.done", text, of("response.content_part.done")?.part?.text);
      const last = of("response.completed")?.response;
      t.equal("the whole response", text, textOf(last));
      t.equal("its status", "completed", last?.status);
      t.that("its usage", last?.usage?.total_tokens > 0, "tokens", last?.usage);
      const ids = new Set(events.map((event) => event?.response?.id).filter(Boolean));
      t.equal("ids of the response", 1, ids.size);
    },
  }),
  streamed({
    id: "responses.no-done",
    level: "should",
    requirement: "The stream ends after its last event, without a [DONE] of Chat Completions",
    source: STREAMING,
    async run(t) {
      const { events } = await t.ask(creation(t, { stream: true }));
      t.equal("lines [DONE]", 0, events.filter(({ data }) => data === "[DONE]").length);
    },
  }),
  streamed({
    id: "responses.lockstep",
    level: "must",
    control: "upstream",
    requirement: "Each delta reaches the client before the model says the next one",
    source: "Project: streaming-safe, streams pass unchanged",
    axes: BOTH,
    async run(t) {
      const pieces = Array.from({ length: PIECES }, (_, n) => `piece ${n} `);
      t.upstream.script(
        STREAM_HEAD,
        ...pieces.flatMap((content, n) => [modelChunk({ content }), { barrier: `said-${n}` }]),
        ...modelStream([], "stop").slice(1),
      );
      const exchange = await t.send(t.chat(creation(t, { stream: true })));
      for (const [n, piece] of pieces.entries()) {
        await t.upstream.arrival(`said-${n}`);
        const { delta } = await eventAt(exchange, DELTA, (event) => event.delta === piece);
        t.equal(`delta ${n + 1} came while the model was held`, piece, delta);
        t.upstream.release(`said-${n}`);
      }
      await eventAt(exchange, "response.completed");
      t.equal("the response is complete", "complete", (await exchange.ended()).kind);
    },
  }),
  streamed({
    id: "responses.client-leaves",
    level: "must",
    control: "upstream",
    requirement: "A client that leaves its stream stops the model's",
    source: "Project: cancellation reaches the upstream",
    async run(t) {
      t.upstream.script(STREAM_HEAD, modelChunk({ content: "one" }), { hang: true });
      const exchange = await t.send(t.chat(creation(t, { stream: true })));
      await eventAt(exchange, DELTA);
      exchange.abort();
      const { end } = await t.upstream.request(
        "end of the model's stream",
        (entry) => entry.endedAt !== undefined,
      );
      t.that("who ended it", /^client/.test(end ?? ""), "the gateway, for the client", end);
    },
  }),
  streamed({
    id: "responses.function-call",
    level: "must",
    control: "upstream",
    requirement: "A call of the caller's function is an output item, and the response complete",
    source: "OpenAI API reference: function calling",
    async run(t) {
      t.upstream.script(...modelStream(CALL, "tool_calls"));
      const transcript = await t.ask(creation(t, { stream: true, tools: TOOLS }));
      const events = eventsOf(transcript);
      const of = (type: string) => events.filter((event) => event?.type === type);
      const wanted = '{"city":"Oslo"}';
      const pieces = of("response.function_call_arguments.delta").map(({ delta }) => delta);
      t.equal("deltas of the arguments", wanted, pieces.join(""));
      const done = of("response.function_call_arguments.done")[0];
      t.equal("arguments when they are done", wanted, done?.arguments);
      const last = of("response.completed")[0]?.response;
      t.equal("status", "completed", last?.status);
      const call = last?.output?.find(({ type }: Json) => type === "function_call");
      t.equal("name", "weather", call?.name);
      t.equal("call_id", "call_1", call?.call_id);
      t.equal("arguments", wanted, call?.arguments);
    },
  }),
  answered({
    id: "responses.function-output",
    level: "must",
    requirement: "The output of a function goes back to the model with its call",
    source: "OpenAI API reference: function calling",
    async run(t) {
      const input = [
        { role: "user", content: "What is the weather in Oslo?" },
        { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Oslo"}' },
        { type: "function_call_output", call_id: "call_1", output: "rain" },
      ];
      const made = await create(t, { input, tools: TOOLS });
      t.equal("status", "completed", made.status);
    },
  }),
];
