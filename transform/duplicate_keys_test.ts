import assert from "node:assert/strict";
import fc from "fast-check";
import { duplicateKey } from "./duplicate_keys.ts";

for (
  const [json, key] of [
    ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', undefined],
    ['{"a":1,"a":2}', "a"],
    ['{ "x" : [ { "k":1 , "k" : 2 } ] }', "k"],
    ['{"model":1,"mod\\u0065l":2}', "model"],
    ['{"a":"\\"a\\":1","b":"{\\"a\\":1,\\"a\\":2}"}', undefined],
    ['{"a\\\\":1,"a":2}', undefined],
    ['{"":1,"":2}', ""],
    ['["a","a"]', undefined],
    ["{}", undefined],
    ['{"a":["x","y"],"x":1,"y":2}', undefined],
  ] as const
) {
  Deno.test(`duplicateKey() finds ${key === undefined ? "nothing" : `"${key}"`} in ${json}`, () => {
    assert.equal(duplicateKey(json), key);
  });
}

Deno.test("what JSON.stringify() writes has no key twice, and one that is put in is found", () => {
  fc.assert(fc.property(fc.json(), (json) => assert.equal(duplicateKey(json), undefined)));
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue(), { minKeys: 1 }),
      fc.nat(),
      (value, at) => {
        const keys = Object.keys(value);
        const key = keys[at % keys.length] ?? "";
        const twice = `${JSON.stringify(value).slice(0, -1)},${JSON.stringify(key)}:0}`;
        assert.equal(duplicateKey(twice), key);
      },
    ),
  );
});
