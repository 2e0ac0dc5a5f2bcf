/** Words that a guard finds however they are written, wherever they stand, and streams that it ends in their own dialect. */
import assert from "node:assert/strict";
import { chunk, data, DONE, FINISH, through } from "../testing/through.ts";

const guard = (side: "input" | "output") => [
  { guard: { [side]: { words: { list: ["secret plan"] } } } },
];

/** Ways to write the words. */
const WRITTEN = [
  "Secret PLAN",
  "secret  plan",
  "secret\nplan",
  "secret\u00a0plan",
  "se\u200bcret plan",
  "sec\u00adret plan",
  "ｓｅｃｒｅｔ　ｐｌａｎ",
];

for (const written of WRITTEN) {
  Deno.test(`guard: ${JSON.stringify(written)} is found in requests, answers and streams`, async () => {
    const messages = [{ role: "user", content: `the ${written}.` }];
    const refused = await through({ steps: guard("input"), request: { messages }, answer: [] });
    assert.equal(refused.own, 400);
    const answer = JSON.stringify({ choices: [{ message: { content: `the ${written}.` } }] });
    const whole = await through({
      steps: guard("output"),
      type: "application/json",
      answer: [answer],
    });
    assert.equal(JSON.parse(whole.text).choices[0].finish_reason, "content_filter");
    for (let cut = 1; cut < written.length; cut++) {
      const pieces = [written.slice(0, cut), written.slice(cut)]
        .map((content) => chunk({ content }));
      const { text } = await through({
        steps: guard("output"),
        answer: [...pieces, FINISH, DONE],
      });
      assert.ok(text.includes("content_filter") && !/plan|ｐｌａｎ/i.test(text), `${cut}: ${text}`);
    }
  });
}

const ARGUMENTS = '{"a":"sec\\u0072et plan"}';
const call = (args: string) => ({ tool_calls: [{ index: 0, function: { arguments: args } }] });

/** Streams that say the words beside what is said in pieces. */
const STREAMS: readonly (readonly [what: string, events: readonly string[]])[] = [
  [
    "an escape of a call's arguments",
    [chunk(call(ARGUMENTS.slice(0, 8)))]
      .concat(chunk(call(ARGUMENTS.slice(8))), FINISH),
  ],
  ["a citation beside a piece", [
    chunk({ content: "x. ", annotations: [{ url_citation: { title: "secret plan" } }] }),
    FINISH,
  ]],
  ["a list", ['data: ["sec\\u0072et plan"]\n\n', FINISH]],
  [
    "Gemini's parts",
    ["the secret ", "plan. "].map((text) =>
      data({ candidates: [{ index: 0, content: { role: "model", parts: [{ text }] } }] })
    ),
  ],
];

for (const [what, events] of STREAMS) {
  Deno.test(`guard: the words in ${what} of a stream`, async () => {
    const run = through({ steps: guard("output"), answer: [...events, DONE] });
    // A list has no dialect: such a stream is broken off.
    const { text } = what === "a list" ? { text: String(await run.catch(String)) } : await run;
    assert.ok(!/plan/.test(text.replace(/"content":"x\. ?"/, "")), text);
    assert.match(text, /content_filter|SAFETY|refused/);
  });
}

Deno.test("guard: what it leaves is written as it was, arguments with their escapes too", async () => {
  const fine = '{"a":"\\u0041\\/"}';
  const answer = JSON.stringify({ choices: [{ message: call(fine), finish_reason: "stop" }] });
  const { text } = await through({
    steps: guard("output"),
    type: "application/json",
    answer: [answer],
  });
  assert.equal(text, answer);
  const streamed = await through({
    steps: guard("output"),
    answer: [chunk(call(fine)), FINISH, DONE],
  });
  const said = [...streamed.text.matchAll(/^data: (\{.*)$/gm)]
    .map(([, json = ""]) => JSON.parse(json).choices[0].delta.tool_calls?.[0].function.arguments)
    .join("");
  assert.equal(said, fine);
});

Deno.test("guard: a Responses stream that it ends is the response that began", async () => {
  const event = (type: string, more: object) => `event: ${type}\n${data({ type, ...more })}`;
  const place = { item_id: "m", output_index: 0, content_index: 0 };
  const { text } = await through({
    steps: guard("output"),
    answer: [
      event("response.created", { response: { id: "resp_1", model: "m" }, sequence_number: 0 }),
      event("response.output_text.delta", { ...place, delta: "secret plan.", sequence_number: 1 }),
      event("response.output_text.done", { ...place, text: "secret plan.", sequence_number: 2 }),
    ],
  });
  const last = JSON.parse(text.trimEnd().split("data: ").at(-1) ?? "");
  assert.deepEqual([last.type, last.response.id, last.response.status], [
    "response.incomplete",
    "resp_1",
    "incomplete",
  ]);
});
