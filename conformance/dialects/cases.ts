/** Group `dialect`: requirements on a gateway when it translates between the wire formats of providers. */
import type { Ask, Dialect, Reply, Said } from "../../dialects/mod.ts";
import { readSaid } from "../../dialects/mod.ts";
import type { Case, Level } from "../case.ts";
import { textOf, type Transcript, valueOf } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import { KINDS, readError } from "./error_shape.ts";
import { type Question, writeQuestion } from "./request.ts";
import { orderFaults, saysEnd } from "./stream_order.ts";

/** The dialects that a gateway stands between. */
export interface DialectPair {
  readonly client: Dialect;
  readonly upstream: Dialect;
}

/** Where the API says what is asked here. */
const SOURCES =
  "OpenAI API reference, Chat; Anthropic API reference, Messages; Gemini API reference, GenerateContent";

const CITY = {
  type: "object",
  properties: { city: { type: "string" }, days: { type: "integer" } },
  required: ["city"],
};
const WEATHER = { name: "get_weather", parameters: CITY };
const CLOCK = { name: "get_time", parameters: { type: "object", properties: {} } };
const CALL = { id: "call_1", name: "get_weather", input: { city: "Oslo", days: 2 } };
const SECOND = { id: "call_2", name: "get_time", input: {} };
/** A PNG of one grey pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==";

/** Returns the pair that the target stands between. */
function pairOf(t: CaseContext): DialectPair {
  return t.target.dialect ?? t.undeclared("The dialects are not known: --dialect");
}

/** Asks in the client's dialect; the upstream knows the case by what the user says, whatever becomes of headers. */
async function ask(t: CaseContext, question: Question): Promise<Transcript> {
  const { client } = pairOf(t);
  const mark = t.target.sign ? `harness-case ${t.target.sign(t.nonce)}` : "";
  const [first, ...rest] = question.turns;
  const turns = [{ ...first, text: `${mark} ${first?.text ?? ""}`.trim() }, ...rest];
  const written = writeQuestion(client, t.target.model, {
    ...question,
    turns: turns as Question["turns"],
  });
  const headers: [string, string][] = client === "anthropic"
    ? [["anthropic-version", "2023-06-01"]]
    : [];
  return await t.ask({ path: written.path, body: JSON.stringify(written.body), headers });
}

const HELLO: Question = { turns: [{ role: "user", text: "Hello" }] };

function contentType({ head }: Transcript): string {
  return valueOf(head?.headers ?? [], "content-type") ?? "";
}

/** Returns what the answer says; a failed check and `undefined` when it is none of the dialect. */
function saidIn(t: CaseContext, transcript: Transcript): Said | undefined {
  t.equal("status", 200, transcript.head?.status);
  const said = readSaid(contentType(transcript), textOf(transcript));
  t.that("answer", said !== undefined, "an answer in the client's dialect", said ?? "none");
  return said;
}

interface Described {
  readonly id: string;
  readonly level?: Level;
  readonly requirement: string;
  run(t: CaseContext): Promise<void>;
}

function dialectCase({ id, level = "must", requirement, run }: Described): Case {
  return {
    id: `dialect.${id}`,
    level,
    control: "upstream",
    feature: "dialect",
    requirement,
    source: SOURCES,
    axes: ["h1"],
    run,
  };
}

/** Answers of the upstream, and how the client must hear it; each is asked whole and as a stream. */
const SAYINGS: readonly {
  readonly id: string;
  readonly level?: Level;
  readonly requirement: string;
  readonly reply: Reply;
  readonly question?: Question;
  check(t: CaseContext, said: Said): void;
}[] = [
  {
    id: "text",
    requirement: "The text of an answer arrives as it was said",
    reply: { text: "Sunny in Oslo." },
    check: (t, said) => void t.equal("text", "Sunny in Oslo.", said.text),
  },
  {
    id: "text-unicode",
    requirement: "Characters, quotes and line ends of a text survive",
    reply: { text: 'Grüße 😀 "quoted" \\ back\nnew line \u2028 end', chunks: 5 },
    check: (t, said) =>
      void t.equal("text", 'Grüße 😀 "quoted" \\ back\nnew line \u2028 end', said.text),
  },
  {
    id: "stop",
    requirement: "An answer that came to its end says so",
    reply: { text: "Done." },
    check: (t, said) => void t.equal("finish", "stop", said.finish),
  },
  {
    id: "length",
    requirement: "An answer that was cut by the limit says so",
    reply: { text: "Cut", finish: "length" },
    check: (t, said) => void t.equal("finish", "length", said.finish),
  },
  {
    id: "filtered",
    level: "should",
    requirement: "An answer that was filtered says so, and is no ordinary end",
    reply: { text: "No", finish: "content_filter" },
    check: (t, said) => void t.equal("finish", "content_filter", said.finish),
  },
  {
    id: "usage",
    requirement: "Token counts are the upstream's",
    reply: { text: "x", usage: { input: 120, output: 34 } },
    check(t, said) {
      t.equal("input", 120, said.usage?.input);
      t.equal("output", 34, said.usage?.output);
    },
  },
  {
    id: "usage-cached",
    level: "should",
    requirement: "Tokens that came from a cache are told apart",
    reply: { text: "x", usage: { input: 120, output: 34, cached: 100 } },
    check(t, said) {
      t.equal("input", 120, said.usage?.input);
      t.equal("cached", 100, said.usage?.cached);
    },
  },
  {
    id: "tool-call",
    requirement: "A tool call arrives with its name and arguments",
    reply: { tool_calls: [{ name: "get_weather", arguments: CALL.input }] },
    question: { ...HELLO, tools: [WEATHER] },
    check(t, said) {
      t.equal("names", ["get_weather"], said.calls.map(({ name }) => name));
      t.equal("arguments", [CALL.input], said.calls.map(({ input }) => parsed(input)));
    },
  },
  {
    id: "tool-reason",
    requirement: "An answer that calls a tool says so, and one that says so holds the call",
    reply: { tool_calls: [{ name: "get_weather", arguments: CALL.input }] },
    question: { ...HELLO, tools: [WEATHER] },
    check(t, said) {
      t.equal("finish", "tool_calls", said.finish);
      t.equal("calls", 1, said.calls.length);
    },
  },
  {
    id: "tool-id",
    requirement: "Every tool call has an id that its result can name",
    reply: { tool_calls: [{ name: "get_weather", arguments: {} }, { name: "get_time" }] },
    question: { ...HELLO, tools: [WEATHER, CLOCK] },
    check(t, said) {
      if (pairOf(t).client === "gemini") t.unsupported("Gemini names results by the function");
      const ids = said.calls.map(({ id }) => id).filter((id) => id !== undefined && id !== "");
      t.equal("ids", 2, new Set(ids).size);
    },
  },
  {
    id: "tool-empty",
    requirement: "A call without arguments has an empty object, and not nothing",
    reply: { tool_calls: [{ name: "get_time", arguments: {} }] },
    question: { ...HELLO, tools: [CLOCK] },
    check: (t, said) => void t.equal("arguments", {}, parsed(said.calls[0]?.input)),
  },
  {
    id: "tool-deep",
    requirement: "Nested arguments, lists, numbers and characters of other scripts survive",
    reply: {
      tool_calls: [{
        name: "get_weather",
        arguments: { city: "Tromsø 北京", list: [1, 2.5, null, true], deep: { a: { b: '"' } } },
      }],
    },
    question: { ...HELLO, tools: [WEATHER] },
    check: (t, said) =>
      void t.equal("arguments", {
        city: "Tromsø 北京",
        list: [1, 2.5, null, true],
        deep: { a: { b: '"' } },
      }, parsed(said.calls[0]?.input)),
  },
  {
    id: "tool-parallel",
    requirement: "Calls that come at once stay apart and in their order",
    reply: {
      tool_calls: [
        { name: "get_weather", arguments: { city: "Oslo" } },
        { name: "get_time", arguments: { zone: "utc" } },
      ],
    },
    question: { ...HELLO, tools: [WEATHER, CLOCK] },
    check(t, said) {
      t.equal("names", ["get_weather", "get_time"], said.calls.map(({ name }) => name));
      t.equal(
        "arguments",
        [{ city: "Oslo" }, { zone: "utc" }],
        said.calls.map(({ input }) => parsed(input)),
      );
    },
  },
  {
    id: "text-and-call",
    requirement: "Words before a call are kept beside it",
    reply: { text: "Let me look.", tool_calls: [{ name: "get_time", arguments: {} }] },
    question: { ...HELLO, tools: [CLOCK] },
    check(t, said) {
      t.equal("text", "Let me look.", said.text);
      t.equal("names", ["get_time"], said.calls.map(({ name }) => name));
    },
  },
  {
    id: "reasoning",
    requirement:
      "Thoughts are handed on as thoughts or left out, and never become part of the text",
    reply: { text: "42", reasoning: "thinking about it" },
    check(t, said) {
      t.equal("text", "42", said.text);
      t.oneOf("reasoning", [undefined, "", "thinking about it"], said.reasoning);
    },
  },
];

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return text;
  }
}

const SAID_CASES = SAYINGS.flatMap(({ id, level, requirement, reply, question = HELLO, check }) =>
  [false, true].map((stream) =>
    dialectCase({
      id: `${id}-${stream ? "sse" : "json"}`,
      ...(level && { level }),
      requirement: `${requirement} (${stream ? "as a stream" : "whole"})`,
      async run(t) {
        t.upstream.reply({ reply });
        const transcript = await ask(t, { ...question, stream });
        const said = saidIn(t, transcript);
        if (said) check(t, said);
        if (stream) t.equal("order", [], orderFaults(pairOf(t).client, transcript.events));
      },
    })
  )
);

/** Questions of the client, and how the upstream must hear it. */
const ASKED: readonly {
  readonly id: string;
  readonly level?: Level;
  readonly requirement: string;
  readonly question: Question;
  check(t: CaseContext, heard: Ask): void;
}[] = [
  {
    id: "ask-text",
    requirement: "What the user says reaches the model as the user's",
    question: HELLO,
    check(t, heard) {
      t.equal("role", "user", heard.turns.at(-1)?.role);
      t.that(
        "text",
        heard.turns.at(-1)?.text.endsWith("Hello") === true,
        "Hello",
        heard.turns.at(-1),
      );
    },
  },
  {
    id: "ask-system",
    requirement: "A system prompt stays one, and does not become the user's words",
    question: { ...HELLO, system: ["Be kind."] },
    check: (t, heard) => void t.equal("system", "Be kind.", heard.system.join("\n")),
  },
  {
    id: "ask-systems",
    requirement: "Several system prompts all arrive",
    question: { ...HELLO, system: ["Be kind.", "Be brief."] },
    check(t, heard) {
      const text = heard.system.join("\n");
      t.that("system", /Be kind\.[^]*Be brief\./.test(text), "both, in order", text);
    },
  },
  {
    id: "ask-turns",
    requirement: "A conversation arrives with its turns and roles in order",
    question: {
      turns: [
        { role: "user", text: "One" },
        { role: "assistant", text: "Two" },
        { role: "user", text: "Three" },
      ],
    },
    check(t, heard) {
      t.equal("roles", ["user", "assistant", "user"], heard.turns.map(({ role }) => role));
      t.equal("last", "Three", heard.turns.at(-1)?.text);
      t.equal("answer", "Two", heard.turns[1]?.text);
    },
  },
  {
    id: "ask-image",
    requirement: "An image arrives as one",
    question: { turns: [{ role: "user", text: "See", images: [PIXEL] }] },
    check: (t, heard) => void t.equal("images", 1, heard.turns[0]?.images),
  },
  {
    id: "ask-images",
    requirement: "Several images all arrive",
    question: { turns: [{ role: "user", text: "See", images: [PIXEL, PIXEL] }] },
    check: (t, heard) => void t.equal("images", 2, heard.turns[0]?.images),
  },
  {
    id: "ask-tools",
    requirement: "Tools arrive with their names and schemas, in the upstream's form",
    question: { ...HELLO, tools: [WEATHER, CLOCK] },
    check(t, heard) {
      t.equal("names", ["get_weather", "get_time"], heard.tools.map(({ name }) => name));
      const schema = heard.tools[0]?.parameters as typeof CITY | undefined;
      t.equal("properties", ["city", "days"], Object.keys(schema?.properties ?? {}));
      t.equal("required", ["city"], schema?.required);
    },
  },
  ...(["auto", "none", "required"] as const).map((choice) => ({
    id: `ask-choice-${choice}`,
    requirement: `The tool choice "${choice}" arrives`,
    question: { ...HELLO, tools: [WEATHER], choice },
    check(t: CaseContext, heard: Ask) {
      // A request that offers no tools asks for none, too.
      const mode = heard.tools.length === 0 ? "none" : heard.choice.mode;
      t.equal("choice", choice, mode);
    },
  })),
  {
    id: "ask-choice-named",
    requirement: "A tool that is chosen by name is the one that must be called",
    question: { ...HELLO, tools: [WEATHER, CLOCK], choice: "get_time" },
    check(t, heard) {
      t.equal("choice", "required", heard.choice.mode);
      t.equal("names", ["get_time"], heard.choice.names);
    },
  },
  {
    id: "ask-result",
    requirement: "A call and its result arrive as such",
    question: {
      tools: [WEATHER],
      turns: [
        { role: "user", text: "Weather?" },
        { role: "assistant", calls: [CALL] },
        { role: "tool", text: "sunny", resultOf: CALL },
      ],
    },
    check(t, heard) {
      t.equal("roles", ["user", "assistant", "tool"], heard.turns.map(({ role }) => role));
      t.equal("calls", ["get_weather"], heard.turns[1]?.calls);
      t.that(
        "result",
        heard.turns[2]?.text.includes("sunny") === true,
        "sunny",
        heard.turns[2]?.text,
      );
    },
  },
  {
    id: "ask-results",
    requirement: "Results of parallel calls all arrive",
    question: {
      tools: [WEATHER, CLOCK],
      turns: [
        { role: "user", text: "Both?" },
        { role: "assistant", calls: [CALL, SECOND] },
        { role: "tool", text: "sunny", resultOf: CALL },
        { role: "tool", text: "noon", resultOf: SECOND },
      ],
    },
    check(t, heard) {
      const results = heard.turns.filter(({ role }) => role === "tool").map(({ text }) => text);
      t.equal("results", 2, results.length);
      t.equal("calls", ["get_weather", "get_time"], heard.turns[1]?.calls);
    },
  },
  {
    id: "ask-limit",
    requirement: "The limit of tokens arrives",
    question: { ...HELLO, limit: 77 },
    check: (t, heard) => void t.equal("limit", 77, heard.limit),
  },
  {
    id: "ask-stop",
    requirement: "Stop sequences arrive",
    question: { ...HELLO, stop: ["END"] },
    check: (t, heard) => void t.equal("stop", ["END"], heard.stop),
  },
  {
    id: "ask-own-fields",
    requirement: "Fields that only the client's dialect has do not make the upstream refuse",
    question: { ...HELLO, more: {} },
    check: (t, heard) => void t.equal("turns", 1, heard.turns.length),
  },
];

/** Fields that no other dialect has; they must be mapped or left out, since the upstream refuses what it does not know. */
const OWN_FIELDS: Readonly<Record<Dialect, Readonly<Record<string, unknown>>>> = {
  openai: { user: "u-1", seed: 7, logit_bias: {} },
  anthropic: { metadata: { user_id: "u-1" }, top_k: 5 },
  gemini: { safetySettings: [] },
};

const ASK_CASES = ASKED.map(({ id, level, requirement, question, check }) =>
  dialectCase({
    id,
    ...(level && { level }),
    requirement,
    async run(t) {
      t.upstream.reply({ reply: "ok" });
      const more = question.more && OWN_FIELDS[pairOf(t).client];
      const transcript = await ask(t, more ? { ...question, more } : question);
      t.equal("status", 200, transcript.head?.status);
      const heard = t.upstream.requests().at(-1)?.ask as Ask | undefined;
      t.that(
        "request",
        heard !== undefined,
        "one that the upstream's dialect allows",
        heard ?? "none",
      );
      if (heard) check(t, heard);
    },
  })
);

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

const ERROR_CASES = ERRORS.flatMap(([status, as]) =>
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
          t.equal("message", "Told by the upstream", error.message);
        }
      },
    })
  )
);

const STREAM_CASES = [
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

/** Every case of the group. */
export const DIALECT_CASES: readonly Case[] = [
  ...SAID_CASES,
  ...ASK_CASES,
  ...ERROR_CASES,
  ...STREAM_CASES,
];
