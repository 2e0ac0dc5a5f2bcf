import assert from "node:assert/strict";
import { PrefixIndex } from "./prefix_index.ts";
import { promptPieces } from "./prompt.ts";

const ALL = new Set(["a:1", "b:1", "c:1"]);

Deno.test("PrefixIndex knows who saw the longest beginning", () => {
  const index = new PrefixIndex();
  const chain = (...whole: string[]) => index.chain("m", { whole, rest: "" });
  index.record(chain("1", "2"), "a:1");
  index.record(chain("1", "3"), "b:1");
  assert.deepEqual([...index.holders(chain("1", "2", "4"), ALL)], ["a:1"]);
  assert.deepEqual([...index.holders(chain("1", "5"), ALL)], ["a:1", "b:1"]);
  assert.deepEqual([...index.holders(chain("2"), ALL)], []);
  assert.deepEqual([...index.holders(index.chain("n", { whole: ["1"], rest: "" }), ALL)], []);
  assert.deepEqual([...index.holders(chain("1", "2"), new Set(["b:1"]))], ["b:1"]);
});

Deno.test("a beginning that prompts go on from in many ways is no reason for a host", () => {
  const index = new PrefixIndex();
  const chain = (rest: string, ...whole: string[]) => index.chain("m", { whole, rest });
  const holders = (
    rest: string,
    ...whole: string[]
  ) => [...index.holders(chain(rest, ...whole), ALL)];
  for (const question of ["one", "two", "three"]) {
    assert.deepEqual(holders(question, "system"), question === "one" ? [] : ["a:1"]);
    index.record(chain(question, "system"), "a:1");
  }
  assert.deepEqual(holders("four", "system"), []);
  assert.deepEqual(holders("x", "system", "five"), []);
  assert.deepEqual(holders("two", "system"), ["a:1"], "the same prompt again");
  index.record(chain("x", "system", "five"), "b:1");
  assert.deepEqual(holders("y", "system", "five", "six"), ["b:1"], "a conversation goes on");
});

Deno.test("PrefixIndex forgets the beginnings that were used least recently", () => {
  const index = new PrefixIndex(4);
  const chain = (...whole: string[]) => index.chain("m", { whole, rest: "" });
  index.record(chain("old", "1"), "a:1");
  index.record(chain("new", "1"), "b:1");
  assert.equal(index.size, 4);
  index.record(chain("old"), "a:1");
  index.record(chain("more"), "c:1");
  assert.equal(index.size, 4);
  assert.equal(index.holders(chain("old", "1"), ALL).size, 1, "its first piece was used again");
  assert.equal(index.holders(chain("new"), ALL).size, 1);
  index.record(chain("2", "3", "4", "5", "6"), "a:1");
  assert.equal(index.size, 4);
  assert.equal(index.holders(chain("old"), ALL).size, 0);
});

Deno.test("promptPieces() gives equal pieces for equal beginnings, whatever the endpoint", () => {
  const text = "y".repeat(300);
  const turns = [{ role: "system", content: text }, { role: "user", content: "one" }];
  const one = promptPieces({ model: "m", messages: turns, temperature: 1 });
  const two = promptPieces({ messages: [...turns, { role: "user", content: text }] });
  assert.equal(one.whole.length, 2);
  assert.match(one.rest, /"one"/);
  assert.deepEqual(two.whole.slice(0, 2), one.whole);
  assert.equal(promptPieces({ prompt: text }).whole.length, 2);
  assert.deepEqual(promptPieces({ input: "short" }), { whole: [], rest: '"short"\n' });
  assert.deepEqual(promptPieces({}), { whole: [], rest: "" });
  assert.equal(promptPieces({ messages: Array(5_000).fill(turns[0]) }).whole.length, 512);
});
