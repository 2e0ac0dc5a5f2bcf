/** Cases on guards that refuse what must not be said, by canaries that the upstream says. */
import type { Case, Level } from "../case.ts";
import { jsonOf, type Transcript } from "../client/transcript.ts";
import type { CaseContext } from "../context.ts";
import {
  chunk,
  completion,
  cutsOf,
  heard,
  says,
  streams,
  streamsPieces,
  wordsOf,
} from "./chat_answers.ts";
import { DONE, jsonAnswer, STREAM_HEAD } from "./shapes.ts";

interface Described {
  readonly id: string;
  readonly level?: Level;
  readonly feature?: string;
  readonly requirement: string;
  run(t: CaseContext, word: string): Promise<void>;
}

function guardCase({ run, feature = "guard", level = "must", ...one }: Described): Case {
  return {
    ...one,
    id: `guard.${one.id}`,
    level,
    feature,
    control: "upstream",
    source: "OpenAI API reference: finish_reason content_filter; Project: a guard lets nothing by",
    run: (t) =>
      run(t, t.target.guard?.word ?? t.undeclared("No refused word is known: --feature guard")),
  };
}

/** Checks that a refused answer says nothing of the word, and does not end as if it were whole. */
function refused(t: CaseContext, what: string, transcript: Transcript, word: string): void {
  const words = wordsOf(transcript);
  t.that(`${what}: the word`, !words.includes(word), "nowhere", words.slice(0, 200));
  const status = transcript.head?.status ?? 0;
  if (status >= 400) return;
  const { choices, done } = heard(transcript);
  const ends = choices.flatMap(({ finish }) => finish);
  const isError = words.includes('"error"');
  t.that(
    `${what}: its end`,
    isError || ends.includes("content_filter") && transcript.end?.kind === "complete",
    "content_filter, or an error",
    ends,
  );
  if (transcript.events.length > 0 && !isError) t.equal(`${what}: terminators`, 1, done);
}

/** A sentence with the word in it, and sentences around it. */
const saying = (middle: string) => `This is fine. Now ${middle} comes up. And this is more.`;

/** Guards on answers, whole and in pieces, and on requests. */
export const GUARD_CASES: readonly Case[] = [
  guardCase({
    id: "json",
    requirement: "A refused JSON answer loses its content and says content_filter, or is an error",
    async run(t, word) {
      t.upstream.script(...says(saying(word)));
      refused(t, "answer", await t.ask(), word);
    },
  }),
  guardCase({
    id: "sse-every-cut",
    requirement: "A refused word in a stream never arrives, wherever the stream is cut in two",
    async run(t, word) {
      await Promise.all(
        cutsOf(word).map(async ([one, two], at) => {
          const part = t.fork(at);
          const [before = "", after = ""] = saying("|").split("|");
          part.upstream.script(...streamsPieces(before, one, two, after));
          refused(t, `cut ${at + 1}`, await part.ask({ stream: true }), word);
        }),
      );
    },
  }),
  guardCase({
    id: "sse-nothing-after",
    requirement: "After a refusal nothing more of the answer arrives",
    async run(t, word) {
      t.upstream.script(
        ...streamsPieces("Fine. ", `Now ${word} comes. `, "Afterwards one. ", "Afterwards two. "),
      );
      const transcript = await t.ask({ stream: true });
      refused(t, "stream", transcript, word);
      const words = wordsOf(transcript);
      t.that("what came after", !words.includes("Afterwards"), "nothing", words.slice(0, 300));
    },
  }),
  guardCase({
    id: "clean-whole",
    requirement: "An answer that holds nothing refused arrives whole, and ends as it ended",
    async run(t) {
      const text = "One sentence. Another one! A third";
      t.upstream.script(...says(text));
      t.equal("JSON", text, heard(await t.ask()).choices[0]?.content);
      const streamed = t.fork("stream");
      streamed.upstream.script(...streamsPieces("One sent", "ence. Anot", "her one! ", "A third"));
      const transcript = await streamed.ask({ stream: true });
      const { choices: [choice], done } = heard(transcript);
      t.equal("stream", [text, ["stop"], 1], [choice?.content, choice?.finish, done]);
    },
  }),
  guardCase({
    id: "sse-cadence",
    level: "should",
    requirement: "A stream that is guarded still streams, sentence by sentence",
    async run(t) {
      t.upstream.script(
        STREAM_HEAD,
        chunk({ content: "One sentence. " }),
        chunk({ content: "Then another. " }),
        { barrier: "rest" },
        chunk({ content: "The end." }),
        chunk({}, { finish: "stop" }),
        { write: DONE },
        { end: true },
      );
      const exchange = await t.send(t.chat({ stream: true }));
      await exchange.until(
        "the first sentence while the rest is held",
        () =>
          heard(exchange.transcript).choices[0]?.content.startsWith("One sentence.") || undefined,
      );
      t.upstream.release("rest");
      t.equal("end", "complete", (await exchange.ended()).kind);
    },
  }),
  guardCase({
    id: "second-choice",
    requirement: "Every choice is guarded, whole and streamed",
    async run(t, word) {
      const second = { index: 1, message: { role: "assistant", content: saying(word) } };
      t.upstream.script(
        ...jsonAnswer(completion({ content: "Fine." }, {
          more: [{ ...second, finish_reason: "stop" }],
        })),
      );
      refused(t, "whole", await t.ask({ body: { n: 2 } }), word);
      const streamed = t.fork("stream");
      streamed.upstream.script(
        ...streams([
          chunk({ content: "Fine. " }),
          chunk({ content: `Now ${word} comes. ` }, { index: 1 }),
          chunk({}, { index: 1, finish: "stop" }),
        ]),
      );
      refused(t, "stream", await streamed.ask({ stream: true, body: { n: 2 } }), word);
    },
  }),
  guardCase({
    id: "tool-arguments",
    requirement: "A refused word in a tool call's arguments does not arrive, whole or streamed",
    async run(t, word) {
      const called = { name: "note", arguments: JSON.stringify({ text: saying(word) }) };
      const call = { id: "call_1", type: "function", function: called };
      t.upstream.script(
        ...jsonAnswer(completion({ tool_calls: [call] }, { finish: "tool_calls" })),
      );
      refused(t, "whole", await t.ask(), word);
      const streamed = t.fork("stream");
      const piece = (text: string) =>
        chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] });
      const middle = Math.floor(called.arguments.length / 2);
      streamed.upstream.script(
        ...streams([
          chunk({ tool_calls: [{ index: 0, ...call, function: { name: "note", arguments: "" } }] }),
          piece(called.arguments.slice(0, middle)),
          piece(called.arguments.slice(middle)),
        ], { finish: "tool_calls" }),
      );
      refused(t, "stream", await streamed.ask({ stream: true }), word);
    },
  }),
  guardCase({
    id: "input",
    feature: "guard_input",
    requirement: "A refused request gets 400 content_filter, and the upstream is not asked",
    async run(t, word) {
      const messages = [{ role: "user", content: [{ type: "text", text: saying(word) }] }];
      const transcript = await t.ask({ body: { messages } });
      t.equal("status", 400, transcript.head?.status);
      t.equal("error.code", "content_filter", jsonOf(transcript)?.error?.code);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
      t.equal("a clean request", 200, (await t.fork("clean").ask()).head?.status);
    },
  }),
  guardCase({
    id: "unavailable-refuses",
    feature: "guard_unavailable",
    requirement: "A guard that cannot be asked refuses: 503, and the upstream is not asked",
    async run(t) {
      const transcript = await t.ask();
      t.equal("status", 503, transcript.head?.status);
      t.equal("error.code", "guard_unavailable", jsonOf(transcript)?.error?.code);
      t.equal("requests at the upstream", 0, t.upstream.requests().length);
      t.excuse("agree.something-passes", "This copy refuses everything");
    },
  }),
];
