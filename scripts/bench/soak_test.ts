import assert from "node:assert/strict";
import { growthOf, renderSoak, type Sample } from "./soak.ts";

function sample(at: number, resident: number, files: number | null = 20): Sample {
  const process = { resident_mib: resident, files, threads: 8 };
  return {
    at,
    program: process,
    envoy: process,
    envoy_allocated_mib: 7,
    upstream_requests: 3,
    upstream_connections: 2,
  };
}

Deno.test("growthOf() compares the second tenth with the last, by their medians", () => {
  const samples = Array.from({ length: 40 }, (_, i) => sample(i * 5, i < 4 ? 10_000 : 100 + i));
  const growth = growthOf(samples);
  assert.deepEqual(growth["program, MiB"], { early: 105.5, late: 137.5 });
  assert.deepEqual(growth["program, open files"], { early: 20, late: 20 });
});

Deno.test("growthOf() takes a single sample, and files that nobody can count", () => {
  assert.deepEqual(growthOf([sample(0, 50, null)])["Envoy, open files"], { early: 0, late: 0 });
});

Deno.test("renderSoak() says what was asked, what grew and what failed", () => {
  const samples = [sample(0, 100), sample(5, 110), sample(10, 120)];
  const text = renderSoak({
    minutes: 1,
    rate: 10,
    requests: { json: 500, stream: 100 },
    errors: { "json: status 503": 2 },
    p50_ms: 1.25,
    p99_ms: 9.99,
    growth: growthOf(samples),
    after: sample(11, 90),
    samples,
  });
  assert.match(
    text,
    /^1 minutes, 600 requests \(500 json, 100 stream\), 10\/s; p50 1\.3 ms, p99 10 ms/,
  );
  assert.match(text, /program, MiB +110 -> 120/);
  assert.match(text, /errors: 2 json: status 503$/);
});
