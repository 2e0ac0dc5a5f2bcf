/** Made-up values: valid under every keyword, or refused by name. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { loadPatterns } from "../../../patterns/mod.ts";
import { RequestError } from "../request_error.ts";
import { schemaInstance, validInstance } from "./instance.ts";
import { regexInstance } from "./regex.ts";
import { breachOf } from "./validity.ts";

await loadPatterns();

const text = { type: "string" };

/** Values that each keyword leads to, exactly, since the same request must get the same bytes. */
const SOLVED: readonly (readonly [name: string, schema: unknown, want: unknown])[] = [
  ["$ref and allOf", {
    $defs: { a: { type: "object", properties: { x: { const: 1 } }, required: ["x"] } },
    allOf: [{ $ref: "#/$defs/a" }, { properties: { y: { type: "null" } }, required: ["y"] }],
  }, { x: 1, y: null }],
  ["anyOf with null", { anyOf: [{ type: "null" }, { type: "number", exclusiveMinimum: 2 }] }, 2.5],
  ["arrays and formats", {
    type: "array",
    minItems: 2,
    items: { type: "string", format: "date" },
  }, ["2024-01-01", "2024-01-01"]],
  ["bounds below zero", { type: "integer", maximum: -3 }, -3],
  ["no type at all", {}, "example"],
  ["true", true, "example"],
  ["keywords without a type", { minimum: 5 }, 5],
  ["a pattern", { type: "string", pattern: "^[A-Z]{3}-[0-9]{2}$" }, "AAA-11"],
  ["the least number of properties", {
    type: "object",
    properties: { a: text, b: text, c: text },
    required: ["c"],
    minProperties: 2,
  }, { c: "example", a: "example" }],
  ["properties that nobody names", {
    type: "object",
    minProperties: 1,
    additionalProperties: { type: "integer" },
  }, { property1: 1 }],
  [
    "items that differ",
    { type: "array", items: text, minItems: 2, uniqueItems: true },
    ["example", "example2"],
  ],
  ["contains", { type: "array", contains: { const: 7 } }, [7]],
  ["default", { type: "string", default: "chosen" }, "chosen"],
  ["a default that is not valid", { type: "string", default: 7 }, "example"],
  ["maxLength", { type: "string", maxLength: 3 }, "exa"],
  ["multipleOf", { type: "integer", minimum: 7, multipleOf: 5 }, 10],
  ["upper case types, as Gemini writes them", {
    type: "OBJECT",
    properties: { city: { type: "STRING" } },
    required: ["city"],
  }, { city: "Paris" }],
];

for (const [name, schema, want] of SOLVED) {
  Deno.test(`validInstance() solves ${name}`, () => {
    assert.deepEqual(validInstance(schema, "a test"), want);
  });
}

Deno.test("made-up values look like their names: a city has letters, a number is not 0", () => {
  const properties = {
    city: text,
    fileName: text,
    reply_email: text,
    latitude: { type: "number" },
    days: { type: "integer" },
    whatever: { type: "integer" },
  };
  assert.deepEqual(
    validInstance({ type: "object", properties, required: Object.keys(properties) }, "a test"),
    {
      city: "Paris",
      fileName: "example.txt",
      reply_email: "ada@example.com",
      latitude: 48.86,
      days: 3,
      whatever: 1,
    },
  );
});

/** Keywords that no value is made for: each must be named instead of being breached in silence. */
const REFUSED: readonly (readonly [keyword: string, schema: unknown])[] = [
  ["not", { type: "string", not: { minLength: 1 } }],
  ["then", { type: "string", if: { minLength: 1 }, then: { minLength: 20 } }],
  ["propertyNames", { minProperties: 1, propertyNames: { pattern: "^x" } }],
  ["maxProperties", { required: ["a", "b"], maxProperties: 1 }],
  ["dependentRequired", { required: ["a"], dependentRequired: { a: ["b"] } }],
  ["oneOf", { oneOf: [{ type: "string" }, { minLength: 1 }] }],
];

for (const [keyword, schema] of REFUSED) {
  Deno.test(`validInstance() names "${keyword}" when it would breach it`, () => {
    assert.throws(
      () => validInstance(schema, 'the tool "t"'),
      (error) => error instanceof RequestError && error.message.includes(`"${keyword}"`),
    );
  });
}

Deno.test("schemaInstance() ends on a schema that holds itself", () => {
  const tree = {
    type: "object",
    properties: { next: { anyOf: [{ $ref: "#" }, { type: "null" }] } },
    required: ["next"],
  };
  assert.ok(JSON.stringify(schemaInstance(tree)).includes("null"));
});

const PATTERNS = [
  "^[A-Z]{3}-[0-9]{2}$",
  "^(foo|bar)+$",
  "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}$",
  "^[^\\s@]+@[^\\s@]+\\.[a-z]{2,}$",
  "^(?:https?)://[\\w.-]+(?::\\d+)?/?$",
  "^(?<year>[0-9]{4})$",
  "^\\p{Lu}\\p{L}*$",
  "^\\u0041\\x42[\\]\\-]$",
  "colou?r",
  "^#[0-9a-fA-F]{6}$",
  "^a{2,}b*?c$",
  "",
];

for (const pattern of PATTERNS) {
  Deno.test(`regexInstance() matches /${pattern}/`, () => {
    assert.match(regexInstance(pattern), new RegExp(pattern, "u"));
  });
}

for (const pattern of ["^(?=x)y$", "^(a)\\1$", "("]) {
  Deno.test(`regexInstance() says that it cannot solve /${pattern}/`, () => {
    assert.throws(() => regexInstance(pattern), RequestError);
  });
}

Deno.test("regexInstance() matches whatever classes and quantifiers are put together", () => {
  const atom = fc.constantFrom(
    "[a-f]",
    "[^a-z]",
    "\\d",
    "\\w",
    ".",
    "x",
    "(?:ab|c)",
    "\\.",
    "[\\d_]",
  );
  const many = fc.constantFrom("", "?", "*", "+", "{2}", "{1,3}", "{3,}");
  fc.assert(fc.property(fc.array(fc.tuple(atom, many), { maxLength: 6 }), (parts) => {
    const pattern = `^${parts.map(([one, times]) => one + times).join("")}$`;
    assert.match(regexInstance(pattern), new RegExp(pattern, "u"));
  }));
});

Deno.test("what validInstance() makes is valid, for schemas put together at random", () => {
  const { schema } = fc.letrec((tie) => ({
    schema: fc.oneof(
      { maxDepth: 3 },
      fc.record({ type: fc.constant("string"), minLength: fc.integer({ min: 0, max: 20 }) }),
      fc.record({
        type: fc.constant("integer"),
        minimum: fc.integer(),
        multipleOf: fc.constant(3),
      }),
      fc.record({ type: fc.constant("boolean") }),
      fc.record({ enum: fc.array(fc.integer(), { minLength: 1 }) }),
      fc.record({
        type: fc.constant("array"),
        items: tie("schema"),
        minItems: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({
        type: fc.constant("object"),
        properties: fc.record({ a: tie("schema"), b: tie("schema") }),
        required: fc.constantFrom(["a"], ["a", "b"], []),
      }),
    ),
  }));
  fc.assert(fc.property(schema, (made) => {
    assert.equal(breachOf(validInstance(made, "a test"), made), undefined);
  }));
});

/** Arrays of two, one in the other: 2^n values. */
function doubling(levels: number): unknown {
  return levels === 0 ? text : { type: "array", minItems: 2, items: doubling(levels - 1) };
}

const CARELESS = `${"a".repeat(40)}!`;

/** Schemas by which a client would stop the mock: each is answered at once, whatever the answer is. */
const HOSTILE: Readonly<Record<string, unknown>> = {
  "a default that its pattern takes for ever to refuse": { pattern: "^(a+)+$", default: CARELESS },
  "an enum": { pattern: "^(a+)+$", enum: [CARELESS] },
  "a constant": { pattern: "^(a|a)*$", const: CARELESS },
  "an example": { pattern: "^(a+)+$", examples: [CARELESS] },
  "a pattern in allOf": { allOf: [{ pattern: "^(a+)+$" }, { enum: [CARELESS] }] },
  "names of properties": {
    type: "object",
    patternProperties: { "^(a+)+$": text },
    properties: { [CARELESS]: text },
    required: [CARELESS],
  },
  "a text without end": { pattern: "^a{2147483647}$" },
  "a text of texts": { pattern: "^(((a{999}){999}){999}){999}$" },
  "a long text": { type: "string", minLength: 2 ** 31 },
  "a long array": { type: "array", minItems: 2 ** 31 },
  "many properties": { type: "object", minProperties: 2 ** 31 },
  "doubling arrays": doubling(15),
  "a schema that holds itself twice": {
    $defs: {
      a: {
        type: "object",
        properties: { p: { $ref: "#/$defs/a" }, q: { $ref: "#/$defs/a" } },
        required: ["p", "q"],
      },
    },
    $ref: "#/$defs/a",
  },
  "alternatives of alternatives": {
    $defs: { a: { oneOf: [1, 2, 3].map(() => ({ $ref: "#/$defs/a" })) } },
    oneOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }],
  },
};

for (const [what, schema] of Object.entries(HOSTILE)) {
  Deno.test(`validInstance() ends with a value or an error that names its reason: ${what}`, () => {
    try {
      assert.ok(JSON.stringify(validInstance(schema, "a test")).length < 1_000_000);
    } catch (error) {
      assert.ok(error instanceof RequestError, String(error));
      assert.match(String(error.code), /^(unsupported|schema_too)/);
      assert.ok(error.message.length < 700);
    }
  });
}
