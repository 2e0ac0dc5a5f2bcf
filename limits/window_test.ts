import assert from "node:assert/strict";
import { durationText, UNITS, windowAt } from "./window.ts";

Deno.test("a window holds its moment, and begins where the one before it ended", () => {
  const moment = Date.UTC(2026, 1, 28, 23, 59, 59, 999);
  for (const unit of UNITS) {
    const { start, end } = windowAt(unit, moment);
    assert.ok(start <= moment && moment < end, unit);
    assert.deepEqual(windowAt(unit, start), { start, end }, unit);
    assert.equal(windowAt(unit, end).start, end, unit);
  }
  assert.equal(windowAt("month", moment).end, Date.UTC(2026, 2, 1));
});

Deno.test("durations read as OpenAI writes them", () => {
  assert.deepEqual(
    [20, 1_000, 60_000, 360_000, 59_001, 86_400_000, 0].map(durationText),
    ["20ms", "1s", "1m0s", "6m0s", "1m0s", "24h0m0s", "0ms"],
  );
});
