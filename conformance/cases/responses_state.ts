/** A Responses gateway: what a request can build on, and that the model is shown it. */
import type { Case } from "../case.ts";
import { functionTool, modelAnswer, rolesOf, shown } from "./responses_model.ts";
import {
  answered,
  call,
  create,
  creation,
  eventAt,
  eventsOf,
  type Json,
  modelChunk,
  modelStream,
  pathOf,
  STATE,
  streamed,
  STREAMING,
} from "./responses_requests.ts";
import { STREAM_HEAD } from "./shapes.ts";

const TOOLS = [functionTool("weather")];
const THOUGHT = "I need the weather first";
const REASONING = "OpenAI API guide: reasoning models, keeping reasoning items in context";
const TURNS = 12;

/** An answer that thinks and then calls. */
const THINKS = modelAnswer({
  reasoning_content: THOUGHT,
  tool_calls: [{ id: "a", type: "function", function: { name: "weather", arguments: "{}" } }],
}, "tool_calls");

const OUTPUT = { type: "function_call_output", call_id: "a", output: "rain" };

function thoughtIn({ messages }: Json): boolean {
  const calling = (messages ?? []).find(({ tool_calls }: Json) => tool_calls?.length > 0);
  return JSON.stringify(calling ?? {}).includes(THOUGHT);
}

export const RESPONSE_STATE_CASES: readonly Case[] = [
  answered({
    id: "responses.item-reference",
    level: "must",
    control: "upstream",
    requirement: "A reference stands for a stored item, without previous_response_id",
    source: STATE,
    async run(t) {
      const made = await create(t.fork("first"), { input: "one" });
      const input = [
        { role: "user", content: "one" },
        { type: "item_reference", id: made.output?.[0]?.id },
        { role: "user", content: "two" },
      ];
      const part = t.fork("second");
      await create(part, { input });
      t.equal(
        "roles that the model saw",
        ["user", "assistant", "user"],
        rolesOf(await shown(part)),
      );
    },
  }),
  answered({
    id: "responses.long-chain",
    level: "must",
    control: "upstream",
    requirement: "A chain of responses shows the model all of its turns",
    source: STATE,
    async run(t) {
      let previous: Json;
      for (let turn = 0; turn < TURNS; turn++) {
        const part = t.fork(turn);
        const after = previous === undefined ? {} : { previous_response_id: previous };
        const input = `turn ${turn}`;
        previous = (await create(part, { input, ...after })).id;
        if (turn < TURNS - 1) continue;
        const { messages } = await shown(part);
        t.equal("messages", 2 * TURNS - 1, messages?.length);
        t.equal("the first", "turn 0", messages?.[0]?.content);
      }
    },
  }),
  answered({
    id: "responses.reasoning-chain",
    level: "must",
    control: "upstream",
    requirement: "What the model thought before a call goes back to it, along a chain",
    source: REASONING,
    async run(t) {
      const part = t.fork("first");
      part.upstream.script(...THINKS);
      const made = await create(part, { tools: TOOLS });
      const next = t.fork("next");
      await create(next, { input: [OUTPUT], tools: TOOLS, previous_response_id: made.id });
      t.equal("the thought is with its call", true, thoughtIn(await shown(next)));
    },
  }),
  answered({
    id: "responses.reasoning-history",
    level: "must",
    control: "upstream",
    requirement: "What the model thought goes back to it from a history that the client keeps",
    source: REASONING,
    async run(t) {
      const part = t.fork("first");
      part.upstream.script(...THINKS);
      const user = { role: "user", content: "ping" };
      const made = await create(part, { input: [user], tools: TOOLS, store: false });
      const next = t.fork("next");
      const input = [user, ...made.output ?? [], OUTPUT];
      await create(next, { input, tools: TOOLS, store: false });
      t.equal("the thought is with its call", true, thoughtIn(await shown(next)));
    },
  }),
  answered({
    id: "responses.reasoning-sealed",
    level: "must",
    control: "upstream",
    requirement: "A thought comes encrypted when asked for, and goes back without being stored",
    source: REASONING,
    async run(t) {
      const part = t.fork("first");
      part.upstream.script(...THINKS);
      const user = { role: "user", content: "ping" };
      const include = ["reasoning.encrypted_content"];
      const made = await create(part, { input: [user], tools: TOOLS, store: false, include });
      const thought = made.output?.find(({ type }: Json) => type === "reasoning");
      const { encrypted_content: sealed } = thought ?? {};
      t.that("encrypted_content", typeof sealed === "string", "a text", sealed);
      t.equal("it can be read", false, String(sealed).includes(THOUGHT));
      const next = t.fork("next");
      const closed = { type: "reasoning", id: thought?.id, summary: [], encrypted_content: sealed };
      const rest = (made.output ?? []).filter(({ type }: Json) => type !== "reasoning");
      const input = [user, closed, ...rest, OUTPUT];
      await create(next, { input, tools: TOOLS, store: false });
      t.equal("the thought is with its call", true, thoughtIn(await shown(next)));
    },
  }),
  streamed({
    id: "responses.reasoning-summary",
    level: "should",
    control: "upstream",
    requirement: "A summary of the thoughts is streamed, and kept, where it is asked for",
    source: STREAMING,
    async run(t) {
      t.upstream.script(
        ...modelStream([{ reasoning_content: THOUGHT }, { content: "ok" }], "stop"),
      );
      const events = eventsOf(
        await t.ask(creation(t, { stream: true, reasoning: { summary: "auto" } })),
      );
      const deltas = events.filter(({ type }) => type === "response.reasoning_summary_text.delta");
      t.that("deltas of the summary", deltas.length > 0, "at least one", deltas.length);
      const output: Json[] = events.at(-1)?.response?.output ?? [];
      const summary = output.find(({ type }) => type === "reasoning")?.summary;
      t.equal("type of the summary", "summary_text", summary?.[0]?.type);
    },
  }),
  streamed({
    id: "responses.conversation-in-turn",
    level: "must",
    control: "upstream",
    requirement: "Of two requests on one conversation the second is refused, or knows the first",
    source: STATE,
    async run(t) {
      const { json: conversation } = await call(t, "POST", "/v1/conversations", {});
      const first = t.fork("first");
      first.upstream.script(
        STREAM_HEAD,
        modelChunk({ content: "one" }),
        { barrier: "held" },
        ...modelStream([], "stop").slice(1),
      );
      const about = { conversation: conversation?.id };
      const running = await first.send(
        first.chat(creation(t, { ...about, input: "first", stream: true })),
      );
      await eventAt(running, "response.output_text.delta");
      const second = t.fork("second");
      const asking = await second.send(second.chat(creation(t, { ...about, input: "second" })));
      await first.upstream.arrival("held");
      first.upstream.release("held");
      await running.ended();
      // One that waits for its turn gets its answer when the first has ended.
      const { head } = await asking.done();
      if (head?.status === 400 || head?.status === 409) return;
      const { messages } = await shown(second);
      t.that("messages that the second saw", messages?.length > 1, "the first turn", messages);
    },
  }),
  answered({
    id: "responses.input-tokens",
    level: "should",
    requirement: "The tokens of a request can be counted without an answer",
    source: "OpenAI API reference: get input token counts",
    async run(t) {
      const { status, json } = await call(t, "POST", "/v1/responses/input_tokens", {
        model: t.target.model,
        input: "ping",
      });
      t.equal("status", 200, status);
      t.equal("object", "response.input_tokens", json?.object);
      t.that("input_tokens", json?.input_tokens > 0, "over 0", json?.input_tokens);
    },
  }),
  answered({
    id: "responses.compact",
    level: "should",
    requirement: "A conversation can be compacted, and gone on with from what comes back",
    source: "OpenAI API reference: compact a response",
    async run(t) {
      const made = await create(t.fork("made"), { input: "remember the number 42" });
      const { status, json } = await call(t, "POST", "/v1/responses/compact", {
        model: t.target.model,
        previous_response_id: made.id,
      });
      t.equal("status", 200, status);
      const last = json?.output?.at(-1);
      t.equal("last item", "compaction", last?.type);
      t.that("it is sealed", Boolean(last?.encrypted_content), "encrypted_content", last);
      const input = [...json?.output ?? [], { role: "user", content: "and now?" }];
      const next = await create(t.fork("next"), { input });
      t.equal("status of what goes on", "completed", next.status);
      t.equal("the old one is still there", 200, (await call(t, "GET", pathOf(made))).status);
    },
  }),
];
