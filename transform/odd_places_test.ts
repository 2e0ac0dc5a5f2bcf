/** Canaries in odd places of requests, answers and streams: none passes, and nothing else changes. */
import assert from "node:assert/strict";
import { chunk, data, DONE, FINISH, MAIL, REDACT, through } from "./testing/through.ts";

/** Places of a canary beside what a model says: [what, bytes of a stream, what must still stand there]. */
const ASIDES: readonly (readonly [what: string, answer: string, stays: string])[] = [
  ["a comment", `: for ${MAIL}\n\n`, ": for [EMAIL]\n\n"],
  ["a comment within an event", `: for ${MAIL}\r\n${data({ n: 1 })}`, ": for [EMAIL]\r\n"],
  ["an id and a type", `id: ${MAIL}\nevent: ${MAIL}\n${data({ n: 1 })}`, "event: [EMAIL]\n"],
  ["a field of nobody's", `foo: ${MAIL}\n${data({ n: 1 })}`, `foo: [EMAIL]\ndata: {"n":1}`],
  ["what is behind the end", `${DONE}rest ${MAIL}`, `${DONE}rest [EMAIL]`],
  ["a string", 'data: "jane.doe\\u0040example.com"\n\n', 'data: "[EMAIL]"\n\n'],
  ["a list", 'data: [1,"jane.doe\\u0040example.com"]\n\n', 'data: [1,"[EMAIL]"]\n\n'],
  ["a key that stands twice", `data: {"text":"${MAIL}","text":" "}\n\n`, '"text":" "'],
  [
    "what an event says beside a piece of text",
    chunk({ content: "x ", annotations: [{ url_citation: { title: `by ${MAIL}` } }] }),
    '"content":"x ","annotations":[{"url_citation":{"title":"by [EMAIL]"}}]',
  ],
];

for (const [what, answer, stays] of ASIDES) {
  Deno.test(`redact: a canary in ${what} of a stream`, async () => {
    const { text } = await through({ steps: REDACT, answer: [answer] });
    assert.ok(!text.includes("jane") && text.includes(stays), text);
    if (what.includes("twice")) return;
    const clean = answer.replaceAll(MAIL, "nobody").replace("jane.doe\\u0040", "nobody\\u002f");
    assert.equal((await through({ steps: REDACT, answer: [clean] })).text, clean);
  });
}

Deno.test("redact: lines of a changed event that end with CR and LF leave no line behind, wherever they are cut", async () => {
  const whole = [chunk({ content: `${MAIL} ` }), FINISH, DONE].join("").replaceAll("\n", "\r\n");
  const { text: expected } = await through({ steps: REDACT, answer: [whole] });
  assert.ok(!expected.includes("\n\n\n") && !expected.includes("\n\n\r"), expected);
  for (let cut = 1; cut < whole.length; cut++) {
    const { text } = await through({
      steps: REDACT,
      answer: [whole.slice(0, cut), whole.slice(cut)],
    });
    assert.equal(text, expected, String(cut));
  }
});

Deno.test("redact: phone numbers of a stream are found at every cut", async () => {
  const number = "+49 30 1234567";
  for (let cut = 1; cut < number.length; cut++) {
    const answer = [`Call ${number.slice(0, cut)}`, number.slice(cut), " now"]
      .map((content) => chunk({ content }));
    const { text } = await through({
      steps: [{ redact: { detect: ["phone"] } }],
      answer: [...answer, FINISH, DONE],
    });
    assert.ok(text.includes("[PHONE]") && !text.includes("567"), `${cut}: ${text}`);
  }
});

Deno.test("redact: an answer in characters that nobody reads here is refused, others are read", async () => {
  const answer = [JSON.stringify({ choices: [{ message: { content: MAIL } }] })];
  const json = (charset: string) =>
    through({ steps: REDACT, type: `application/json; charset=${charset}`, answer });
  for (const charset of ["utf-16", '"UTF-16LE"', "utf-7", "ebcdic-us"]) {
    assert.equal((await json(charset)).own, 502, charset);
  }
  for (const charset of ["utf-8", '"UTF8"', "us-ascii", "iso-8859-1"]) {
    assert.ok((await json(charset)).text.includes("[EMAIL]"), charset);
  }
});

Deno.test("redact: numbers of a changed request and answer are written as they were", async () => {
  const body = (mail: string) =>
    `{"seed":12345678901234567890,"temperature":1.0,"n":1e0,"x":[0.10,-0],"input":"${mail}"}`;
  const { text, asked } = await through({
    steps: REDACT,
    request: body(MAIL),
    type: "application/json",
    answer: [body(MAIL)],
  });
  assert.equal(asked, body("[EMAIL]"));
  assert.equal(text, body("[EMAIL]"));
});

Deno.test("redact: of a key that an answer has twice only the value that was read passes", async () => {
  const answer = [`{"choices":[{"message":{"content":"${MAIL}","content":"x"}}]}`];
  const { text } = await through({ steps: REDACT, type: "application/json", answer });
  assert.equal(text, '{"choices":[{"message":{"content":"x"}}]}');
  const escaped = [answer.join("").replace("@", "\\u0040")];
  const same = await through({ steps: REDACT, type: "application/json", answer: escaped });
  assert.equal(same.text, text);
  for (const type of ["application/json", "text/event-stream"]) {
    const harmless = '{"a": 1, "text": "y", "a": 2}';
    const clean = [type === "application/json" ? harmless : `data: ${harmless}\n\n`];
    assert.equal((await through({ steps: REDACT, type, answer: clean })).text, clean[0]);
  }
});

/** Arguments are JSON in a text: a character may be written by its number. */
const ESCAPED = '{"to":"jane.doe\\u0040ex\\u0061mple.com","at":"\\u00e9\\\\u0040"}';
const UNESCAPED = '{"to":"[EMAIL]","at":"\\u00e9\\\\u0040"}';

Deno.test("redact: arguments that name a canary's characters by number, whole and streamed at every cut", async () => {
  const call = (args: string) => ({
    tool_calls: [{ index: 0, function: { name: "f", arguments: args } }],
  });
  for (let cut = 1; cut < ESCAPED.length; cut++) {
    const pieces = [ESCAPED.slice(0, cut), ESCAPED.slice(cut)].map((one) => chunk(call(one)));
    const { text } = await through({ steps: REDACT, answer: [...pieces, FINISH, DONE] });
    const said = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json = ""]) => JSON.parse(json))
      .map(({ choices }) => choices[0].delta.tool_calls?.[0].function.arguments ?? "").join("");
    assert.equal(said, UNESCAPED, `${cut}`);
  }
  const message = (args: string) => ({ choices: [{ message: call(args) }] });
  const { text, asked } = await through({
    steps: REDACT,
    request: { messages: [call(ESCAPED)] },
    type: "application/json",
    answer: [JSON.stringify(message(ESCAPED))],
  });
  assert.equal(text, JSON.stringify(message(UNESCAPED)));
  assert.equal(asked, JSON.stringify({ messages: [call(UNESCAPED)] }));
  const clean = JSON.stringify(message('{"a":"\\u0041\\/"}'));
  const same = await through({ steps: REDACT, type: "application/json", answer: [clean] });
  assert.equal(same.text, clean);
});

const ASKED: readonly (readonly [what: string, request: object])[] = [
  ["what a stored prompt is filled with", { prompt: { id: "p", variables: { to: MAIL } } }],
  ["what is ranked", { query: MAIL, documents: [MAIL, { text: MAIL }] }],
  ["what comes behind a completion", { prompt: "x", suffix: MAIL }],
  ["words to stop at", { messages: [], stop: [MAIL] }],
  ["a file's name", { input: [{ type: "input_file", filename: MAIL }] }],
  ["what a shell said", { input: [{ output: [{ stdout: MAIL, stderr: MAIL }] }] }],
  ["Gemini's calls", { contents: [{ parts: [{ functionCall: { args: { to: [MAIL] } } }] }] }],
];

for (const [what, request] of ASKED) {
  Deno.test(`redact: a canary in ${what} of a request`, async () => {
    const { asked } = await through({ steps: REDACT, request, answer: [DONE] });
    assert.equal(asked, JSON.stringify(request).replaceAll(MAIL, "[EMAIL]"));
  });
}

Deno.test("context: messages that are no objects are the upstream's to refuse", async () => {
  const request = { messages: [null, 1, "x"] };
  const { asked } = await through({ steps: [{ context: {} }, { cache: {} }], request, answer: [] });
  assert.equal(asked, JSON.stringify(request));
});
