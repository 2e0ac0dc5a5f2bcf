import assert from "node:assert/strict";
import { PostingLists } from "./posting_lists.ts";

/** Numbers that look random, the same in every run (a linear congruential generator). */
function randomNumbers(): (below: number) => number {
  let state = 1;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

function contentsOf(lists: PostingLists, term: number): [number, number][] {
  const found: [number, number][] = [];
  lists.forEach(term, (ordinal, times) => found.push([ordinal, times]));
  return found;
}

Deno.test("lists give back what was counted: many terms, long and short lists, near and far documents", () => {
  const random = randomNumbers();
  const lists = new PostingLists();
  const expected = new Map<number, Map<number, number>>();
  let ordinal = 0;
  for (let document = 0; document < 3_000; document++) {
    // Distances of one byte, of two and of four.
    ordinal += 1 + (document % 100 === 0 ? random(2 ** 22) : random(300));
    for (let word = 0; word < 20; word++) {
      // Terms of alike low bits share places; the cube makes some lists long.
      const term = Math.floor((random(2 ** 16) / 2 ** 16) ** 3 * 5_000) * 2 ** 14 + random(2);
      const times = 1 + (random(50) === 0 ? random(40_000) : 0);
      lists.count(term, ordinal, times);
      const list = expected.get(term) ?? new Map<number, number>();
      expected.set(term, list.set(ordinal, (list.get(ordinal) ?? 0) + times));
    }
  }
  assert.equal(lists.size, expected.size);
  assert.deepEqual(new Set(lists.terms()), new Set(expected.keys()));
  for (const [term, list] of expected) {
    assert.equal(lists.documents(term), list.size);
    assert.deepEqual(contentsOf(lists, term), [...list]);
  }
});

Deno.test("a term that no document holds has none; 0 and the largest are terms like others", () => {
  const lists = new PostingLists();
  assert.equal(lists.documents(0), 0);
  assert.deepEqual(contentsOf(lists, 0), []);
  for (const term of [0, 2 ** 30 - 1]) {
    lists.count(term, 0, 1);
    lists.count(term, 0, 2);
    lists.count(term, 7, 1);
    assert.deepEqual(contentsOf(lists, term), [[0, 3], [7, 1]]);
  }
  assert.deepEqual(contentsOf(lists, 64), []);
});
