/** Questions in other words: which are the same, and which only look so. The model of meaning says "the same" to all of them. */
import assert from "node:assert/strict";
import { RequestDraft } from "../exchange.ts";
import { openStore } from "../store/sqlite.ts";
import { transformSchema } from "../transform_schema.ts";
import { questionOf, Semantic } from "./semantic.ts";
import { asksTheSame } from "./semantic_gate.ts";

/** Questions with a place where a word makes all the difference, and words for it. */
const NEAR: readonly (readonly [question: string, ...words: string[]])[] = [
  ["What is the capital of _?", "France", "Austria", "Australia", "Georgia", "Niger", "Nigeria"],
  ["Find flights _ Paris", "to", "from", "via", "over", "in"],
  ["Convert 100 _", "USD to EUR", "EUR to USD", "USD to GBP", "miles to km", "km to miles"],
  ["Set the limit to _ requests", "10", "100", "1000", "1,000.5", "-10"],
  ["_ I take ibuprofen with aspirin?", "Should", "Can't", "Must", "Why should", "When should"],
  ["Is it _ to mix bleach and vinegar?", "safe", "unsafe", "not safe", "legal", "never safe"],
  ["_ the server", "Start", "Stop", "Restart", "Do not start", "Reset"],
  ["List users created _ 2024", "before", "after", "in", "until", "since"],
  ["Who _ the war?", "won", "lost", "started", "ended", "reported"],
  ["Translate this into _", "French", "German", "Dutch", "Danish", "Polish"],
  ["What does `_` do?", "rm -rf", "rm -r", "rmdir", "ls -la", "chmod"],
  ['Say "_" in a nicer way', "go away", "come here", "no", "yes", "never"],
  ["The shop _ open on Sunday?", "is", "was", "will be", "isn't", "stays"],
  ["Explain _ in Python", "lists", "tuples", "sets", "dicts", "generators"],
  ["_ did Rome fall?", "When", "Why", "How", "Where", "Whether"],
  ["Increase the price by _", "5%", "50%", "5", "five euro", "0.5%"],
  ["What is the _ of the list?", "maximum", "minimum", "mean", "median", "length"],
  ["Book a table for _ at 8", "two", "four", "nobody", "ten", "2 or 3"],
  ["Show orders of customer _", "C-1001", "C-1002", "c_1001", "C1001", "1001-C"],
  ["_ beats Karpov", "Kasparov", "Karpov", "Nobody", "Everybody", "A computer"],
  ["Delete _ files older than a week", "all", "no", "some", "hidden", "the other"],
  ["Summarise the _ chapter", "first", "last", "next", "second", "previous"],
];

/** Pairs of whole questions. */
const PAIRS: readonly (readonly [string, string])[] = [
  ["Does Ann like Bob?", "Does Bob like Ann?"],
  ["How do I get from A to B?", "How do I get from B to A?"],
  ["Is the US larger than China?", "Is China larger than the US?"],
  ["Tell us about US", "Tell us about us"],
  ["Can you swim?", "Can you not swim?"],
  ["What is 3 - 2?", "What is 3 + 2?"],
  ["x > 5", "x < 5"],
  ["Price in $", "Price in €"],
];

/** Questions that are the same. */
const SAME: readonly (readonly [string, string])[] = [
  ["What is the capital of France?", "what is the capital of france"],
  ["What's the capital of France?", "Please tell me: what is the capital of France?"],
  ["Explain photosynthesis", "Hi, could you explain photosynthesis please?"],
  ["List the planets.", "Hello! Can you please list planets, thanks"],
  ["Who wrote Faust?", "I would like to know who wrote Faust"],
];

const NOT_SAME = [
  ...NEAR.flatMap(([question, ...words]) =>
    words.flatMap((one, at) =>
      words.slice(at + 1).map((other) =>
        [question.replace("_", one), question.replace("_", other)] as const
      )
    )
  ),
  ...PAIRS,
];

Deno.test("of 200 pairs of questions that are near none is taken for the other", () => {
  assert.ok(NOT_SAME.length >= 200, `${NOT_SAME.length}`);
  assert.deepEqual(NOT_SAME.filter(([one, other]) => asksTheSame(one, other)), []);
});

Deno.test("politeness, articles and capitals make no other question", () => {
  assert.deepEqual(SAME.filter(([one, other]) => !asksTheSame(one, other)), []);
});

function draftOf(body: object, tenant = "demo"): RequestDraft {
  const headers = new Map([[":method", "POST"], ["x-tenant", tenant]]);
  return new RequestDraft(headers, new TextEncoder().encode(JSON.stringify(body)));
}

Deno.test("an answer is found by its question's words, its kind, and its tenant alone", async () => {
  let isUp = true;
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      isUp
        ? Response.json({ data: [{ embedding: [1, 0.5] }] })
        : new Response("no", { status: 500 }),
  );
  const url = `http://127.0.0.1:${server.addr.port}/v1/embeddings`;
  const settings = transformSchema.parse({
    version: 1,
    steps: [{ cache: { semantic: { url, model: "m" } } }],
  }).steps[0]?.cache?.semantic;
  assert.ok(settings);
  await using store = openStore(":memory:");
  const semantic = new Semantic(settings, store, () => undefined);
  const user = (content: unknown) => ({ role: "user", content });
  const question = (messages: unknown[], tenant?: string, rest = "rest") =>
    questionOf(draftOf({ messages }, tenant), rest);
  const first = question([user("Explain tides")]);
  assert.ok(first);
  await semantic.remember(first, "key", 60_000);
  const find = async (asked: ReturnType<typeof question>) => asked && await semantic.find(asked);
  assert.deepEqual(await find(question([user("Please explain the tides")])), {
    key: "key",
    similarity: 1,
  });
  for (
    const other of [
      question([user("Explain rides")]),
      question([user("Explain tides")], "another"),
      question([user("Explain tides")], "demo", "other tools"),
      question([{ role: "system", content: "Be short" }, user("Explain tides")]),
      question([user("Hi"), { role: "assistant", content: "Hi" }, user("Explain tides")]),
      question([user([{ type: "text", text: "Explain tides" }])]),
    ]
  ) assert.equal(await find(other), undefined);
  isUp = false;
  assert.equal(await find(question([user("Explain tides, please")])), undefined);
  await server.shutdown();
});
