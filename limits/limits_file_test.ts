import assert from "node:assert/strict";
import defaultLimits from "./limits.yaml" with { type: "text" };
import { parseLimits } from "./limits_file.ts";

Deno.test("the built-in limits can be read", () => {
  assert.equal(parseLimits(defaultLimits, "limits.yaml").limits.length, 2);
});

Deno.test("an error names file, line, column, and what was expected", () => {
  const cases: readonly [text: string, expected: RegExp][] = [
    [
      "version: 2\nlimits: []\n",
      /l\.yaml:1:1: version: Expected 1\n.*l\.yaml:2:1: limits: Expected at/s,
    ],
    [
      'version: 1\nlimits:\n  - match: { tenant: "*" }\n    tokens: { per: week, max: 1 }\n',
      /l\.yaml:4:5: limits\.0\.tokens: Expected one of second, .*, month in "per"/,
    ],
    [
      'version: 1\nlimits:\n  - match: { tenant: "*" }\n    tokens: [{ per: day, max: 1.5 }]\n',
      /limits\.0\.tokens: Expected a whole number above 0, up to 2\^53 in "0\.max"/,
    ],
    [
      'version: 1\nlimits:\n  - match: { tenant: "*" }\n    tokens: many\n',
      /limits\.0\.tokens: Expected \{ per: UNIT, max: NUMBER \} or a list/,
    ],
    [
      "version: 1\nlimits:\n" +
      "  - { match: { tenant: a }, tokens: { per: day, max: 1 } }\n".repeat(2),
      /l\.yaml:4:.* limits\.1\.tokens: Expected each limit once: limits\.0 counts the same/,
    ],
    [
      "version: 1\nlimits: [{ match: { descriptor: { status: '200' } }, tokens: { per: day, max: 1 } }]",
      /match\.descriptor\.status: Expected a name of your own/,
    ],
    ['version: 1\nlimits:\n  - match: { tenant: "*" }\n', /l\.yaml:3:.*at least one of requests/],
    [
      "version: 1\nlimits:\n  - match: {}\n    requests: { per: day, max: 1 }\n",
      /at least one of tenant/,
    ],
    [
      'version: 1\nlimits:\n  - match: { tenant: "*" }\n    cost: { per: day, max: 1 }\n',
      /l\.yaml:4:5: limits\.0\.cost: Expected prices with a default/,
    ],
    ["version: 1\nlimit: []\n", /l\.yaml:2:1: limit: Expected no such key here/],
    ["version: [1\n", /l\.yaml:2:1: /],
  ];
  for (const [text, expected] of cases) {
    assert.throws(() => parseLimits(text, "l.yaml"), expected, text);
  }
});
