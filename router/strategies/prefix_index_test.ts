import assert from "node:assert/strict";
import { PrefixIndex } from "./prefix_index.ts";
import { promptChunks } from "./prompt.ts";

const ALL = new Set(["a:1", "b:1", "c:1"]);

Deno.test("PrefixIndex knows who saw the longest beginning", () => {
  const index = new PrefixIndex();
  const chain = (...chunks: string[]) => index.chain("m", chunks);
  index.record(chain("1", "2"), "a:1");
  index.record(chain("1", "3"), "b:1");
  assert.deepEqual([...index.holders(chain("1", "2", "4"), ALL)], ["a:1"]);
  assert.deepEqual([...index.holders(chain("1", "5"), ALL)], ["a:1", "b:1"]);
  assert.deepEqual([...index.holders(chain("2"), ALL)], []);
  assert.deepEqual([...index.holders(index.chain("n", ["1"]), ALL)], []);
  assert.deepEqual([...index.holders(chain("1", "2"), new Set(["b:1"]))], ["b:1"]);
});

Deno.test("PrefixIndex forgets the beginnings that were used least recently", () => {
  const index = new PrefixIndex(4);
  const chain = (...chunks: string[]) => index.chain("m", chunks);
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

Deno.test("promptChunks() gives equal pieces for equal beginnings, whatever the endpoint", () => {
  const text = "y".repeat(300);
  const turns = [{ role: "system", content: text }, { role: "user", content: "one" }];
  const one = promptChunks({ model: "m", messages: turns, temperature: 1 });
  const two = promptChunks({ messages: [...turns, { role: "user", content: text }] });
  assert.equal(one.length, 2);
  assert.deepEqual(two.slice(0, 2), one);
  assert.equal(promptChunks({ prompt: text }).length, 2);
  assert.equal(promptChunks({ input: "short" }).length, 0);
  assert.equal(promptChunks({}).length, 0);
  assert.equal(promptChunks({ messages: Array(5_000).fill(turns[0]) }).length, 512);
});
