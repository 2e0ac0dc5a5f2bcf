/** A Responses gateway in front of model servers that are not OpenAI's: their streams, types and ends. */
import type { Case } from "../case.ts";
import type { CaseContext } from "../context.ts";
import type { UpstreamStep } from "../target.ts";
import { callDelta, functionTool, modelAnswer } from "./responses_model.ts";
import {
  answered,
  API,
  create,
  creation,
  eventsOf,
  type Json,
  modelStream,
  streamed,
  STREAMING,
  textOf,
} from "./responses_requests.ts";

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
