/** Cases about requests: what the client asked, and how the upstream hears it. */
import type { Ask, Dialect } from "../../dialects/mod.ts";
import type { Level } from "../case.ts";
import type { CaseContext } from "../context.ts";
import {
  ask,
  CALL,
  CLOCK,
  dialectCase,
  HELLO,
  pairOf,
  PIXEL,
  SECOND,
  WEATHER,
} from "./dialect_case.ts";
import type { Question } from "./request.ts";

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
      const schema = heard.tools[0]?.parameters as typeof WEATHER.parameters | undefined;
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

/** Each, with what the upstream heard. */
export const ASK_CASES = ASKED.map(({ id, level, requirement, question, check }) =>
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
