/** Cases about answers: what the upstream said, and how the client hears it. */
import type { Reply, Said } from "../../dialects/mod.ts";
import type { Level } from "../case.ts";
import type { CaseContext } from "../context.ts";
import { ask, CALL, CLOCK, dialectCase, HELLO, pairOf, saidIn, WEATHER } from "./dialect_case.ts";
import type { Question } from "./request.ts";

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

/** Each, asked whole and as a stream. */
export const SAID_CASES = SAYINGS.flatMap((
  { id, level, requirement, reply, question = HELLO, check },
) =>
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
      },
    })
  )
);

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return text;
  }
}
