/** Cases on a session's context: what of earlier turns goes into a request, and what is kept. */
import type { Case } from "../case.ts";
import { jsonOf, type Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import type { HeaderList, UpstreamStep } from "../target.ts";
import {
  chunk,
  completion,
  heard,
  ODD_REQUEST,
  says,
  streams,
  streamsPieces,
} from "./chat_answers.ts";
import { jsonAnswer, STREAM_HEAD } from "./shapes.ts";
import { sha256 } from "../client/transcript.ts";

type Message = Record<string, unknown>;

const user = (content: string): Message => ({ role: "user", content });

/** A session of this case's own. */
const sessionOf = (
  t: CaseContext,
): HeaderList => [["x-session-id", `s-${sha256(t.nonce).slice(0, 16)}`]];

interface Turn {
  readonly messages: readonly Message[];
  readonly steps?: readonly UpstreamStep[];
  readonly stream?: boolean;
  readonly headers?: HeaderList;
}

/** Says one turn of the session; returns the answer, and the messages that the upstream got. */
async function say(
  t: CaseContext,
  name: string,
  { messages, steps = says(`Reply ${name}`), stream, headers = [] }: Turn,
): Promise<{ transcript: Transcript; sent: Message[] }> {
  const part = t.fork(name);
  part.upstream.script(...steps);
  const spec = part.chat({
    headers: [...sessionOf(t), ...headers],
    body: { messages },
    ...(stream && { stream }),
  });
  const transcript = await (await part.send(spec)).done();
  const bodies = part.upstream.requests().map(({ bodyText }) => JSON.parse(bodyText ?? "{}"));
  return { transcript, sent: bodies[0]?.messages ?? [] };
}

/** Messages in order; a call is named, and so is its result. */
const told = (messages: readonly Message[]) =>
  messages.map(({ role, content, tool_calls }) =>
    Array.isArray(tool_calls) ? `${role}: calls ${tool_calls.length}` : `${role}: ${content}`
  );

interface Described {
  readonly id: string;
  readonly requirement: string;
  readonly needsPolicy?: true;
  run(t: CaseContext): Promise<void>;
}

function contextCase({ needsPolicy, ...one }: Described): Case {
  return {
    ...one,
    id: `context.${one.id}`,
    level: "must",
    control: needsPolicy ? "both" : "upstream",
    feature: "context",
    source: "Project: a session's turns go before a request, once, whole, for its tenant alone",
  };
}

const CALL = {
  id: "call_1",
  type: "function",
  function: { name: "get_weather", arguments: '{"city":"Oslo"}' },
};

/** Sessions whose clients send new turns alone. */
export const CONTEXT_CASES: readonly Case[] = [
  contextCase({
    id: "injected",
    requirement: "Earlier turns stand behind the system messages and before the new turn",
    async run(t) {
      await say(t, "first", { messages: [user("One")] });
      const system = { role: "system", content: "Be kind" };
      const { sent } = await say(t, "second", { messages: [system, user("Two")] });
      t.equal("messages", [
        "system: Be kind",
        "user: One",
        "assistant: Reply first",
        "user: Two",
      ], told(sent));
    },
  }),
  contextCase({
    id: "recorded-sse",
    requirement: "A streamed answer is kept whole, tool calls in pieces by their index too",
    async run(t) {
      await say(t, "text", {
        messages: [user("One")],
        steps: streamsPieces("Hel", "lo ", "you"),
        stream: true,
      });
      const piece = (index: number, more: object) => chunk({ tool_calls: [{ index, ...more }] });
      const named = (id: string) => ({
        id,
        type: "function",
        function: { name: `tool_${id}`, arguments: "" },
      });
      await say(t, "calls", {
        messages: [user("Two")],
        stream: true,
        steps: streams([
          piece(0, named("a")),
          piece(1, named("b")),
          piece(0, { function: { arguments: '{"x"' } }),
          piece(1, { function: { arguments: '{"y"' } }),
          piece(0, { function: { arguments: ":1}" } }),
          piece(1, { function: { arguments: ":2}" } }),
        ], { finish: "tool_calls" }),
      });
      const results = ["a", "b"].map((id) => ({ role: "tool", tool_call_id: id, content: "ok" }));
      const { sent } = await say(t, "third", { messages: results });
      t.equal("the text", "assistant: Hello you", told(sent)[1]);
      const calls = sent[3]?.tool_calls as { id: string; function: object }[] | undefined;
      t.equal("the calls", [
        ["a", { name: "tool_a", arguments: '{"x":1}' }],
        ["b", { name: "tool_b", arguments: '{"y":2}' }],
      ], calls?.map((call) => [call.id, call.function]));
    },
  }),
  contextCase({
    id: "tenant-isolated",
    needsPolicy: true,
    requirement: "The same session id of another tenant is another session",
    async run(t) {
      const as = (name: string, tenant: string) =>
        t.fork(name).policy.script({
          allow: { set: { "x-tenant": `${t.nonce}-${tenant}` } },
        });
      as("first", "a");
      await say(t, "first", { messages: [user("A secret of a")] });
      as("other", "b");
      const other = await say(t, "other", { messages: [user("And now?")] });
      t.equal("another tenant", ["user: And now?"], told(other.sent));
      as("own", "a");
      const own = await say(t, "own", { messages: [user("And now?")] });
      t.equal("its own tenant", 3, own.sent.length);
    },
  }),
  contextCase({
    id: "no-duplicate",
    requirement: "A client that sends the whole history gets nothing twice",
    async run(t) {
      const first = await say(t, "first", { messages: [user("One")] });
      const reply = jsonOf(first.transcript)?.choices?.[0]?.message ?? {};
      const { sent } = await say(t, "second", { messages: [user("One"), reply, user("Two")] });
      t.equal("messages", ["user: One", "assistant: Reply first", "user: Two"], told(sent));
      const third = await say(t, "third", { messages: [user("Three")] });
      t.equal("afterwards", 5, third.sent.length);
    },
  }),
  contextCase({
    id: "cut-not-recorded",
    requirement: "A turn whose stream broke off, or whose answer was an error, is not kept",
    async run(t) {
      await say(t, "cut", {
        messages: [user("Cut")],
        stream: true,
        steps: [STREAM_HEAD, chunk({ content: "half" }), { abort: "rst" }],
      });
      await say(t, "open", {
        messages: [user("Open")],
        stream: true,
        steps: [STREAM_HEAD, chunk({ content: "half" }), { end: true }],
      });
      await say(t, "error", {
        messages: [user("Error")],
        steps: jsonAnswer('{"error":{"message":"no"}}', 500),
      });
      const { sent } = await say(t, "after", { messages: [user("After")] });
      t.equal("messages", ["user: After"], told(sent));
    },
  }),
  contextCase({
    id: "cancel-not-recorded",
    requirement: "A turn whose client left before its end is not kept",
    async run(t) {
      const part = t.fork("left");
      part.upstream.script(
        STREAM_HEAD,
        chunk({ content: "half" }),
        { barrier: "rest" },
        chunk({}, { finish: "stop" }),
        { event: { data: "[DONE]" } },
        { end: true },
      );
      const exchange = await part.send(
        part.chat({ headers: sessionOf(t), body: { messages: [user("Left")] }, stream: true }),
      );
      await exchange.event(0);
      exchange.abort();
      await part.upstream.request("end of the upload", ({ end }) => end !== undefined);
      part.upstream.release("rest");
      const { sent } = await say(t, "after", { messages: [user("After")] });
      t.equal("messages", ["user: After"], told(sent));
    },
  }),
  contextCase({
    id: "tool-pairs-whole",
    requirement: "A tool's result is never sent without the call that it answers",
    async run(t) {
      const { turns } = t.target.context ?? t.undeclared("The number of turns is not known");
      await say(t, "call", {
        messages: [user("Weather?")],
        steps: jsonAnswer(
          completion({ content: null, tool_calls: [CALL] }, { finish: "tool_calls" }),
        ),
      });
      const result = { role: "tool", tool_call_id: "call_1", content: "sunny" };
      const paired = await say(t, "result", { messages: [result] });
      t.equal(
        "the pair",
        ["user: Weather?", "assistant: calls 1", "tool: sunny"],
        told(paired.sent),
      );
      // The turn with the call is now the first that goes.
      for (let n = 1; n < turns; n++) await say(t, `more-${n}`, { messages: [user(`More ${n}`)] });
      const { sent } = await say(t, "last", { messages: [user("Last")] });
      t.that("results without calls", sent[0]?.role !== "tool", "none", told(sent));
    },
  }),
  contextCase({
    id: "limit-turns",
    requirement: "No more than the promised number of turns is sent, the newest ones, whole",
    async run(t) {
      const { turns } = t.target.context ?? t.undeclared("The number of turns is not known");
      for (let n = 0; n <= turns; n++) await say(t, `turn-${n}`, { messages: [user(`Turn ${n}`)] });
      const { sent } = await say(t, "last", { messages: [user("Last")] });
      const expected = Array.from({ length: turns }, (_, at) => [
        `user: Turn ${at + 1}`,
        `assistant: Reply turn-${at + 1}`,
      ]).flat();
      t.equal("messages", [...expected, "user: Last"], told(sent));
    },
  }),
  contextCase({
    id: "client-header-stripped",
    requirement: "A client cannot say a context by header",
    async run(t) {
      const forged: HeaderList = [["x-llm-context", "Zm9yZ2Vk"], ["x-llm-context-turns", "9"]];
      await say(t, "forged", { messages: [user("One")], headers: forged });
      const { headers } = await t.fork("forged").upstream.request();
      const names = headers.filter(([name, value]) =>
        name.startsWith("x-llm-context") && (value === "9" || value === "Zm9yZ2Vk")
      );
      t.equal("forged headers at the upstream", [], names);
    },
  }),
  contextCase({
    id: "bad-session-400",
    requirement: "An id that is none gets 400 invalid_session_id, and the upstream is not asked",
    async run(t) {
      for (const [at, id] of ["a/b", "a b", "é", "x".repeat(129)].entries()) {
        const part = t.fork(at);
        const transcript = await part.ask({ headers: [["x-session-id", id]] });
        t.equal(`"${id.slice(0, 5)}": status`, 400, transcript.head?.status);
        t.equal(`"${id.slice(0, 5)}": upstream`, 0, part.upstream.requests().length);
      }
      t.equal("a good one", 200, (await t.fork("good").ask()).head?.status);
    },
  }),
  contextCase({
    id: "bytes-unchanged",
    requirement: "Without a session, and with a new one, the body passes byte for byte",
    async run(t) {
      for (const [name, headers] of [["without", []], ["new", sessionOf(t)]] as const) {
        const part = t.fork(name);
        part.upstream.script(...says("Fine"));
        const transcript = await part.ask({ body: ODD_REQUEST, headers: [...headers] });
        t.equal(`${name}: status`, 200, transcript.head?.status);
        const { bodySha256 } = await part.upstream.request();
        t.equal(`${name}: SHA-256`, sha256(ODD_REQUEST), bodySha256);
      }
    },
  }),
  contextCase({
    id: "stream-cadence",
    requirement: "An answer of a session streams event by event",
    async run(t) {
      const part = t.fork("stream");
      part.upstream.script(
        STREAM_HEAD,
        chunk({ content: "first " }),
        { barrier: "rest" },
        chunk({}, { finish: "stop" }),
        { event: { data: "[DONE]" } },
        { end: true },
      );
      const exchange = await part.send(
        part.chat({ headers: sessionOf(t), body: { messages: [user("One")] }, stream: true }),
      );
      await exchange.until(
        "the first event while the rest is held",
        () => heard(exchange.transcript).choices[0]?.content === "first " || undefined,
      );
      part.upstream.release("rest");
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  }),
];
