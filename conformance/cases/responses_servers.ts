/** A Responses gateway in front of model servers that are not OpenAI's: their streams, types and ends. */
import type { Case } from "../case.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { callDelta, functionTool, modelAnswer, shown } from "./responses_model.ts";
import {
  answered,
  API,
  create,
  creation,
  eventsOf,
  type Json,
  modelChunk,
  modelStream,
  streamed,
  STREAMING,
  textOf,
} from "./responses_requests.ts";
import { STREAM_HEAD } from "./shapes.ts";

const TOOLS = [functionTool("weather"), functionTool("time")];
const OSLO = '{"city":"Oslo"}';
const ROME = '{"city":"Rome"}';

/** Streams this answer of the model, and returns the response of the last event. */
async function lastAfter(t: CaseContext, steps: UpstreamStep[], body: Json = {}): Promise<Json> {
  t.upstream.script(...steps);
  const events = eventsOf(await t.ask(creation(t, { stream: true, tools: TOOLS, ...body })));
  return events.findLast((event) => event?.response !== undefined)?.response ?? {};
}

function callsOf(response: Json): Json[] {
  return (response.output ?? []).filter(({ type }: Json) => type === "function_call");
}

/** One line of a stream that is written without blank lines. */
function lineOf(delta: object, finish: string | null = null): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}`;
}

/** A case about calls: what a server streams, and what the calls are. */
function calls(
  name: string,
  requirement: string,
  deltas: readonly object[],
  wanted: readonly (readonly [name: string, args: string])[],
): Case {
  return streamed({
    id: `responses.calls-${name}`,
    level: "must",
    control: "upstream",
    requirement,
    source: STREAMING,
    async run(t) {
      const response = await lastAfter(t, modelStream(deltas, "tool_calls"));
      const made = callsOf(response);
      t.equal("calls", wanted, made.map((call) => [call.name, call.arguments]));
      const ids = new Set(made.map(({ call_id: id }) => id));
      t.equal("call ids, all different", wanted.length, ids.size);
    },
  });
}

const TWO = [["weather", OSLO], ["weather", ROME]] as const;

export const RESPONSE_SERVER_CASES: readonly Case[] = [
  streamed({
    id: "responses.reasoning-pieces",
    level: "must",
    control: "upstream",
    requirement: "A thought that comes in pieces is one reasoning item",
    source: STREAMING,
    async run(t) {
      const pieces = ["first ", "second ", "third"];
      const deltas = [
        ...pieces.map((reasoning_content) => ({ reasoning_content })),
        { content: "done" },
      ];
      const { output } = await lastAfter(t, modelStream(deltas, "stop"));
      t.equal("items", ["reasoning", "message"], output?.map(({ type }: Json) => type));
      t.equal("thought", pieces.join(""), output?.[0]?.content?.[0]?.text);
    },
  }),
  calls("same-index", "Calls with ids of their own are two, although their index is the same", [
    callDelta({ index: 0, id: "a", name: "weather", args: OSLO }),
    callDelta({ index: 0, id: "b", name: "weather", args: ROME }),
  ], TWO),
  calls("no-index", "Calls are told apart by their ids where the server sends no index", [
    callDelta({ id: "a", name: "weather", args: OSLO.slice(0, 6) }),
    callDelta({ args: OSLO.slice(6) }),
    callDelta({ id: "b", name: "weather", args: ROME }),
  ], TWO),
  calls("no-identity", "Calls are told apart by their names where there is neither index nor id", [
    callDelta({ name: "weather", args: OSLO }),
    callDelta({ name: "time", args: ROME }),
  ], [["weather", OSLO], ["time", ROME]]),
  calls("same-id", "Calls to which the server gives the same id are two, with ids of their own", [
    callDelta({ index: 0, id: "call_0", name: "weather", args: OSLO }),
    callDelta({ index: 1, id: "call_0", name: "weather", args: ROME }),
  ], TWO),
  calls("new-ids", "A call whose id changes with every piece is one call", [
    callDelta({ index: 0, id: "x1", name: "weather" }),
    callDelta({ index: 0, id: "x2", args: OSLO.slice(0, 6) }),
    callDelta({ index: 0, id: "x3", args: OSLO.slice(6) }),
  ], [["weather", OSLO]]),
  calls("late-name", "A call whose name comes late has its name, and keeps its place", [
    callDelta({ index: 0, id: "a", args: OSLO }),
    callDelta({ index: 1, id: "b", name: "time", args: ROME }),
    callDelta({ index: 0, name: "weather" }),
  ], [["weather", OSLO], ["time", ROME]]),
  calls("new-ids-and-names", "A call of which each piece has a new id and its name is one call", [
    callDelta({ index: 0, id: "x1", name: "weather", args: OSLO.slice(0, 6) }),
    callDelta({ index: 0, id: "x2", name: "weather", args: OSLO.slice(6) }),
  ], [["weather", OSLO]]),
  streamed({
    id: "responses.thought-tags",
    level: "must",
    control: "upstream",
    requirement: "A thought between tags at the beginning of the text is no part of the answer",
    source: STREAMING,
    async run(t) {
      const deltas = ["<thi", "nk>h", "m</th", "ink>\n\nHi"].map((content) => ({ content }));
      const response = await lastAfter(t, modelStream(deltas, "stop"));
      t.equal("items", ["reasoning", "message"], response.output?.map(({ type }: Json) => type));
      t.equal("text", "Hi", textOf(response));
    },
  }),
  streamed({
    id: "responses.loose-events",
    level: "must",
    control: "upstream",
    requirement:
      "Events without a blank line between them, and a last line without an end, are read",
    source: STREAMING,
    async run(t) {
      const lines = [{ content: "Hel" }, { content: "lo" }].map((delta) => lineOf(delta));
      const stream = `${lines.join("\n")}\n${lineOf({}, "stop")}`;
      const response = await lastAfter(t, [STREAM_HEAD, { write: stream }, { end: true }]);
      t.equal("status", "completed", response.status);
      t.equal("text", "Hello", textOf(response));
    },
  }),
  streamed({
    id: "responses.error-line",
    level: "must",
    control: "upstream",
    requirement:
      "An error in a field of its own (llama.cpp) ends the response as failed, in its words",
    source: STREAMING,
    async run(t) {
      const error = JSON.stringify({ code: 500, message: "slot lost", type: "server_error" });
      const response = await lastAfter(t, [
        STREAM_HEAD,
        modelChunk({ content: "Hel" }),
        { write: `error: ${error}\n\n` },
        { end: true },
      ]);
      t.equal("status", "failed", response.status);
      t.equal("words", true, /slot lost/.test(String(response.error?.message)));
    },
  }),
  streamed({
    id: "responses.usage-uncounted",
    level: "must",
    control: "upstream",
    requirement: "Tokens that the model server did not count are not made up",
    source: API,
    async run(t) {
      const { usage } = await lastAfter(t, [
        STREAM_HEAD,
        modelChunk({ content: "Hello" }),
        modelChunk({}, "stop"),
        { event: { data: "[DONE]" } },
        { end: true },
      ]);
      t.equal("usage", null, usage ?? null);
    },
  }),
  answered({
    id: "responses.call-extra",
    level: "must",
    control: "upstream",
    requirement: "What a server wants back with a call (Gemini's signature) goes back with it",
    source: "Gemini API: thought signatures, OpenAI compatibility",
    async run(t) {
      const extra_content = { google: { thought_signature: "c2lnbmF0dXJl" } };
      const call = { id: "a", type: "function", function: { name: "time", arguments: "{}" } };
      const made = modelAnswer({ tool_calls: [{ ...call, extra_content }] }, "tool_calls");
      t.upstream.script(...made);
      const { output } = await create(t, { tools: TOOLS });
      const next = t.fork("next");
      next.upstream.script(...modelAnswer({ content: "noon" }));
      const told = { type: "function_call_output", call_id: "a", output: "12:00" };
      const input = [{ role: "user", content: "ping" }, ...output ?? [], told];
      await create(next, { tools: TOOLS, input });
      const { messages } = await shown(next);
      const [sent] = messages?.find((one: Json) => one.tool_calls)?.tool_calls ?? [];
      t.equal("extra_content", extra_content, sent?.extra_content);
    },
  }),
  answered({
    id: "responses.arguments-object",
    level: "must",
    control: "upstream",
    requirement: "Arguments that a server sends as an object are the JSON text of it",
    source: API,
    async run(t) {
      const tool_calls = [{
        id: "a",
        type: "function",
        function: { name: "weather", arguments: { city: "Oslo", deep: { a: null } } },
      }];
      t.upstream.script(...modelAnswer({ tool_calls }, "tool_calls"));
      const [call] = callsOf(await create(t, { tools: TOOLS }));
      t.equal("arguments", '{"city":"Oslo","deep":{"a":null}}', call?.arguments);
    },
  }),
  answered({
    id: "responses.no-arguments",
    level: "must",
    control: "upstream",
    requirement: "A call without arguments has an empty object, which is JSON",
    source: API,
    async run(t) {
      const call = { id: "a", type: "function", function: { name: "time", arguments: "" } };
      t.upstream.script(...modelAnswer({ tool_calls: [call] }, "tool_calls"));
      t.equal("arguments", "{}", callsOf(await create(t, { tools: TOOLS }))[0]?.arguments);
    },
  }),
  answered({
    id: "responses.content-parts",
    level: "must",
    control: "upstream",
    requirement: "An answer that is a list of parts is text and thought by the parts' types",
    source: API,
    async run(t) {
      const content = [
        { type: "thinking", thinking: [{ type: "text", text: "hm" }] },
        { type: "text", text: "Hello" },
        { type: "text", text: " there" },
      ];
      t.upstream.script(...modelAnswer({ content }));
      t.equal("text", "Hello there", textOf(await create(t)));
    },
  }),
  streamed({
    id: "responses.cut-call",
    level: "must",
    control: "upstream",
    requirement: "A call that was cut by the limit of tokens is incomplete, as its response is",
    source: API,
    async run(t) {
      const cut = callDelta({ index: 0, id: "a", name: "weather", args: '{"city":"Os' });
      const response = await lastAfter(t, modelStream([cut], "length"));
      t.equal("status of the response", "incomplete", response.status);
      t.equal("status of the call", "incomplete", callsOf(response)[0]?.status);
    },
  }),
];
