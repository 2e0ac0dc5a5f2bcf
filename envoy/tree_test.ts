import assert from "node:assert/strict";
import fc from "fast-check";
import {
  canonicalJson,
  deleteAt,
  differences,
  type Json,
  liesWithin,
  objectsAt,
  setAt,
  valueAt,
  valuesAt,
} from "./tree.ts";

const key = fc.constantFrom("a", "0", "envoy.c", "@type");
const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom<Json>(null, true, 1, "x"),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.dictionary(key, tie("tree"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));

Deno.test("differences() names none between equal trees", () => {
  fc.assert(fc.property(tree, (value) => {
    assert.deepEqual(differences(value, structuredClone(value)), []);
  }));
});

Deno.test("differences() finds nothing exactly when canonicalJson() is equal", () => {
  fc.assert(fc.property(tree, tree, (left, right) => {
    assert.equal(
      differences(left, right).length === 0,
      canonicalJson(left) === canonicalJson(right),
    );
  }));
});

Deno.test("canonicalJson() is JSON that says the same, whatever the order of the keys", () => {
  fc.assert(fc.property(tree, (value) => {
    assert.deepEqual(JSON.parse(canonicalJson(value)), value);
  }));
  assert.equal(
    canonicalJson({ b: 1, a: [{ d: null, c: "x" }] }),
    '{"a":[{"c":"x","d":null}],"b":1}',
  );
});

Deno.test("setAt() makes the mappings on the way, and deleteAt() takes them away again", () => {
  const root = { list: [{ name: "x" }] };
  const before = structuredClone(root);
  setAt(root, "list/0/deep/er/value", 7);
  assert.equal(valueAt(root, "list/0/deep/er/value"), 7);
  deleteAt(root, "list/*/deep/*/value");
  assert.deepEqual(root, before);
});

Deno.test("setAt() refuses to go through a value that is no mapping", () => {
  assert.throws(() => setAt({ a: 1 }, "a/b", 2), /Cannot set "a\/b"/);
});

Deno.test("valuesAt() takes * for every index and every key", () => {
  const root = { a: [{ n: 1 }, { n: 2 }, { m: 3 }], b: { x: { n: 4 } } };
  assert.deepEqual(valuesAt(root, "a/*/n"), [1, 2]);
  assert.deepEqual(valuesAt(root, "b/*/n"), [4]);
  assert.deepEqual(objectsAt(root, "a/*").length, 3);
});

Deno.test("liesWithin() takes a place and everything below it", () => {
  assert.equal(liesWithin("a/0/b", "a/*/b"), true);
  assert.equal(liesWithin("a/0/b/c", "a/*/b"), true);
  assert.equal(liesWithin("a/0", "a/*/b"), false);
  assert.equal(liesWithin("a/0/bb", "a/*/b"), false);
});
