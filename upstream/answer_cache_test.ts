import assert from "node:assert/strict";
import { AnswerCache } from "./answer_cache.ts";
import { type Answer, reply } from "./endpoints/answer.ts";

Deno.test("AnswerCache makes an answer once, and forgets the oldest", () => {
  const cache = new AnswerCache();
  let made = 0;
  const make = () => {
    made++;
    return reply({ n: made });
  };
  assert.equal(cache.get("0", make), cache.get("0", make));
  assert.equal(made, 1);
  for (let i = 1; i <= 256; i++) cache.get(String(i), make);
  cache.get("0", make);
  assert.equal(made, 258);
});

Deno.test("AnswerCache keeps neither streams nor long bodies", () => {
  const cache = new AnswerCache();
  const stream: Answer = { kind: "events", events: [] };
  assert.equal(cache.get("a", () => stream), stream);
  assert.equal(cache.get("a", () => reply(1)).kind, "bytes");
  let made = 0;
  const long = () => reply("x".repeat(20_000 + made++));
  cache.get("b", long);
  cache.get("b", long);
  assert.equal(made, 2);
});
