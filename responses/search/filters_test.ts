import assert from "node:assert/strict";
import { type Filter, matches, readFilter } from "./filters.ts";

const FILE = { lang: "de", year: 2024, draft: false };

const CASES: readonly [boolean, Filter][] = [
  [true, { type: "eq", key: "lang", value: "de" }],
  [false, { type: "eq", key: "lang", value: "en" }],
  [true, { type: "eq", key: "draft", value: false }],
  [true, { type: "ne", key: "lang", value: "en" }],
  [false, { type: "ne", key: "absent", value: "en" }],
  [true, { type: "gt", key: "year", value: 2023 }],
  [false, { type: "gt", key: "year", value: 2024 }],
  [true, { type: "gte", key: "year", value: 2024 }],
  [true, { type: "lt", key: "year", value: 2024.5 }],
  [true, { type: "lte", key: "lang", value: "de" }],
  [false, { type: "lt", key: "year", value: "3000" }],
  [false, { type: "gt", key: "draft", value: -1 }],
  [true, { type: "in", key: "year", value: [2023, 2024] }],
  [false, { type: "in", key: "year", value: [] }],
  [true, { type: "nin", key: "year", value: [2023] }],
  [false, { type: "nin", key: "absent", value: [2023] }],
  [false, { type: "eq", key: "constructor", value: "x" }],
  [true, { type: "and", filters: [] }],
  [false, { type: "or", filters: [] }],
  [true, {
    type: "and",
    filters: [
      {
        type: "or",
        filters: [{ type: "eq", key: "lang", value: "en" }, {
          type: "eq",
          key: "lang",
          value: "de",
        }],
      },
      { type: "gte", key: "year", value: 2000 },
    ],
  }],
];

for (const [expected, filter] of CASES) {
  Deno.test(`filter ${JSON.stringify(filter)} ${expected ? "takes" : "leaves"} the file`, () => {
    assert.equal(matches(readFilter(filter), FILE), expected);
  });
}

const nested = (depth: number): unknown =>
  depth === 0 ? { type: "eq", key: "a", value: 1 } : { type: "and", filters: [nested(depth - 1)] };

const BROKEN: readonly [unknown, RegExp][] = [
  ["eq", /'filters': expected an object/],
  [null, /expected an object/],
  [[], /expected an object/],
  [{ key: "a", value: 1 }, /'filters\.type': expected one of eq, ne/],
  [{ type: "like", key: "a", value: 1 }, /'filters\.type'/],
  [{ type: "constructor", key: "a", value: 1 }, /'filters\.type'/],
  [{ type: "eq", value: 1 }, /'filters\.key'/],
  [{ type: "eq", key: "a" }, /'filters\.value': expected a string, number or boolean/],
  [{ type: "eq", key: "a", value: [1] }, /'filters\.value'/],
  [{ type: "in", key: "a", value: 1 }, /'filters\.value': expected an array/],
  [{ type: "and" }, /'filters\.filters': expected an array of filters/],
  [
    { type: "or", filters: [{ type: "eq", key: "a", value: 1 }, { type: "no" }] },
    /'filters\.filters\[1\]\.type'/,
  ],
  [nested(40), /at most 32 levels/],
  [
    { type: "or", filters: Array(1_000).fill({ type: "eq", key: "a", value: 1 }) },
    /at most 1000 filters/,
  ],
];

for (const [filter, message] of BROKEN) {
  Deno.test(`filter ${JSON.stringify(filter)?.slice(0, 60)} is refused`, () => {
    assert.throws(() => readFilter(filter), {
      name: "ApiError",
      status: 400,
      code: "invalid_filter",
      message,
    });
  });
}
