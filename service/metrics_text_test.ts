import assert from "node:assert/strict";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { HistogramCounts, metricsText } from "./metrics_text.ts";

/** Lines without the blank ones between metrics. */
const lines = (text: string) => text.split("\n").filter((line) => line !== "");

Deno.test("metricsText() writes what prom-client writes", async () => {
  const registry = new Registry();
  const registers = [registry];
  const labels = { path: 'a "b"\\c\nd', code: "" };
  new Counter({ name: "c_total", help: "a\\b\nc", labelNames: ["path", "code"], registers })
    .inc(labels, 3);
  new Gauge({ name: "g", help: "now", registers }).set(-0.5);
  const theirs = new Histogram({ name: "h", help: "times", buckets: [0.0001, 0.5, 2], registers });
  const ours = new HistogramCounts([0.0001, 0.5, 2]);
  for (const value of [0.0001, 0.25, 0.75, 3]) {
    theirs.observe(value);
    ours.observe(value);
  }
  const text = metricsText([
    { name: "c_total", help: "a\\b\nc", kind: "counter", samples: [{ labels, value: 3 }] },
    { name: "g", help: "now", kind: "gauge", samples: [{ value: -0.5 }] },
    { name: "h", help: "times", kind: "histogram", samples: ours.samples() },
  ]);
  assert.deepEqual(lines(text), lines(await registry.metrics()));
});

Deno.test("metricsText() names a metric that has no value yet, and writes what is no number", () => {
  assert.equal(
    metricsText([
      { name: "a", help: "none", kind: "counter", samples: [] },
      { name: "b", help: "odd", kind: "gauge", samples: [{ value: NaN }, { value: -Infinity }] },
    ]),
    "# HELP a none\n# TYPE a counter\n\n# HELP b odd\n# TYPE b gauge\nb NaN\nb -Inf\n",
  );
});
