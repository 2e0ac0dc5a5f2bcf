/** Thoughts between tags at the beginning of an answer. */
import assert from "node:assert/strict";
import type { ChatDelta } from "./chat.ts";
import { ThoughtTags } from "./thought_tags.ts";

/** Thought and text of an answer that comes in these pieces. */
function told(pieces: readonly string[]): { thought: string; text: string } {
  const tags = new ThoughtTags();
  const deltas: ChatDelta[] = [
    ...pieces.flatMap((text) => tags.take({ kind: "text", text })),
    ...tags.take({ kind: "finish", reason: "stop" }),
    ...tags.flush(),
  ];
  const of = (kind: "reasoning" | "text") =>
    deltas.map((delta) => delta.kind === kind ? delta.text : "").join("");
  return { thought: of("reasoning"), text: of("text") };
}

const ANSWERS: readonly [what: string, answer: string, thought: string, text: string][] = [
  ["a thought and an answer", "<think>\nhm < 3\n</think>\n\nHi", "hm < 3", "Hi"],
  ["white space before the tag", "\n <think>hm</think>Hi", "hm", "Hi"],
  ["Gemini's", "<thought>hm</thought>Hi", "hm", "Hi"],
  ["Mistral's", "[THINK]hm[/THINK]Hi", "hm", "Hi"],
  ["no thought in it", "<think>\n\n</think>\n\nHi", "", "Hi"],
  ["cut in the thought", "<think>hm </thi", "hm </thi", ""],
  ["tags later on", "Write <think>x</think>", "", "Write <think>x</think>"],
  ["a second pair", "<think>hm</think>a <think>b</think>", "hm", "a <think>b</think>"],
  ["another tag", "<table>", "", "<table>"],
  ["half a tag", "<thi", "", "<thi"],
  ["white space alone", " \n", "", " \n"],
];

for (const [what, answer, thought, text] of ANSWERS) {
  Deno.test(`tags tell a thought from the answer, however they are cut: ${what}`, () => {
    for (const size of [answer.length, 1, 3]) {
      const pieces = answer.match(new RegExp(`[^]{1,${size}}`, "g")) ?? [];
      assert.deepEqual(told(pieces), { thought, text });
    }
  });
}

Deno.test("a thought is told as it comes, not at its end", () => {
  const tags = new ThoughtTags();
  assert.deepEqual(tags.take({ kind: "text", text: "<think>a" }), [
    { kind: "reasoning", text: "a" },
  ]);
  assert.deepEqual(tags.take({ kind: "text", text: "b" }), [{ kind: "reasoning", text: "b" }]);
});

Deno.test("a call comes after what was held back before it", () => {
  const tags = new ThoughtTags();
  assert.deepEqual(tags.take({ kind: "text", text: "<th" }), []);
  const call: ChatDelta = { kind: "tool_call", place: { at: 0, of: 1 }, arguments: "" };
  assert.deepEqual(tags.take(call), [{ kind: "text", text: "<th" }, call]);
});
