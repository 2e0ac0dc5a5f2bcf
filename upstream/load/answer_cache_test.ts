import assert from "node:assert/strict";
import { AnswerCache } from "./answer_cache.ts";
import { StreamEvent } from "./stream_event.ts";
import { type Answer, reply } from "../answers/answer.ts";

/** Asks as the dispatcher does: what is kept, else what is made and kept from now on. */
function ask(
  cache: AnswerCache,
  key: string,
  make: () => Answer,
  options: { streams?: boolean } = {},
): Answer {
  return cache.get(key) ?? cache.keep(key, make(), options);
}

Deno.test("AnswerCache makes an answer once, and forgets the oldest", () => {
  const cache = new AnswerCache();
  let made = 0;
  const make = () => {
    made++;
    return reply({ n: made });
  };
  assert.equal(ask(cache, "0", make), ask(cache, "0", make));
  assert.equal(made, 1);
  for (let i = 1; i <= 256; i++) ask(cache, String(i), make);
  ask(cache, "0", make);
  assert.equal(made, 258);
});

const event = (length: number) => new StreamEvent("x".repeat(length));
const streamOf = (events: Iterable<StreamEvent>): Answer => ({ kind: "events", events });
const lengthsOf = (answer: Answer) =>
  answer.kind === "events" ? Array.from(answer.events, ({ text }) => text.length) : [];

Deno.test("AnswerCache keeps a stream when it is asked to, and makes a long one as it goes", () => {
  const cache = new AnswerCache();
  let made = 0;
  const make = (count: number, length: number) => () =>
    streamOf((function* () {
      for (let i = 0; i < count; i++, made++) yield event(length);
    })());
  const streams = true;
  assert.deepEqual(lengthsOf(ask(cache, "a", make(3, 10), { streams })), [10, 10, 10]);
  assert.deepEqual(lengthsOf(ask(cache, "a", make(3, 10), { streams })), [10, 10, 10]);
  assert.equal(made, 3);
  const long = ask(cache, "b", make(10, 100_000), { streams });
  assert.ok(made < 3 + 10);
  assert.deepEqual(lengthsOf(long), Array(10).fill(100_000));
  assert.equal(made, 13);
});

Deno.test("AnswerCache keeps 8 MiB of streams at most", () => {
  const cache = new AnswerCache();
  let made = 0;
  const get = (key: number) =>
    ask(cache, String(key), () => {
      made++;
      return streamOf([event(512 * 1024)]);
    }, { streams: true });
  for (let key = 0; key < 17; key++) get(key);
  get(16);
  assert.equal(made, 17);
  get(0);
  assert.equal(made, 18);
});

Deno.test("AnswerCache keeps neither long bodies, nor streams unless it is asked to", () => {
  const cache = new AnswerCache();
  const stream: Answer = { kind: "events", events: [] };
  assert.equal(ask(cache, "a", () => stream), stream);
  assert.equal(ask(cache, "a", () => reply(1)).kind, "whole");
  let made = 0;
  const long = () => reply("x".repeat(20_000 + made++));
  ask(cache, "b", long);
  ask(cache, "b", long);
  assert.equal(made, 2);
});
