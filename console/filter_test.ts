import assert from "node:assert/strict";
import { parseFilter } from "./page/filter.ts";
import type { ConsoleRequest } from "./request.ts";

const ONE: ConsoleRequest = {
  id: "r-1",
  state: "done",
  time: "2026-01-01T00:00:00.000Z",
  method: "POST",
  path: "/v1/chat/completions",
  tenant: "acme",
  key: "demo",
  model: "gpt-4o-mini",
  decision: "allow",
  reason: "allow",
  status: 200,
  first_byte_ms: 12,
  total_ms: 400,
  bytes: 10,
  events: 7,
  tokens: { input: 3, output: 5, cached: 0 },
  events_per_second: 20,
  host: "127.0.0.1:9000",
  attempts: 1,
  ended: "client left",
  replay_of: "",
};

const CASES: readonly (readonly [filter: string, fits: boolean])[] = [
  ["", true],
  ["chat", true],
  ["CHAT", true],
  ["nowhere", false],
  ["status:200", true],
  ["status:>=400", false],
  ["status:<400 tenant:acme", true],
  ["tenant:other,acme", true],
  ["tenant:other", false],
  ["model:gpt*", true],
  ["model:*mini", true],
  ["model:g*o*i", true],
  ["model:g*x*", false],
  ["model:gpt", false],
  ["-tenant:acme", false],
  ["-status:>=400", true],
  ['ended:"client left"', true],
  ['"client left"', true],
  ["total:>399.5", true],
  ["tokens:>5", false],
  ["rate:>=20", true],
];

for (const [filter, fits] of CASES) {
  Deno.test(`the filter ${JSON.stringify(filter)} ${fits ? "takes" : "leaves out"} the request`, () => {
    const parsed = parseFilter(filter);
    assert.equal(parsed.problem, "");
    assert.equal(parsed.fits(ONE), fits);
  });
}

Deno.test("a field that is none is named, with those that there are", () => {
  assert.match(parseFilter("staus:200").problem, /no field "staus": there are id, method,/);
  assert.match(parseFilter("status:>many").problem, /expected a number behind status:/);
});

Deno.test("a number that is not known yet is neither more nor less than another", () => {
  const running = { ...ONE, total_ms: null };
  assert.equal(parseFilter("total:<100").fits(running), false);
  assert.equal(parseFilter("total:>100").fits(running), false);
});

Deno.test("stars cost no more than the text is long", () => {
  const { fits } = parseFilter(`path:${"*a".repeat(2_000)}*`);
  assert.equal(fits({ ...ONE, path: "a".repeat(1_999) }), false);
});
