import assert from "node:assert/strict";
import { NotThere } from "./not_there.ts";
import type { SpanTold } from "./sources.ts";
import { traceAt, tracesOf } from "./traces.ts";

function span(spanId: string, fields: Partial<SpanTold> = {}): SpanTold {
  return {
    signal: "span",
    traceId: "t",
    spanId,
    name: spanId,
    kind: "client",
    startMs: 1_000,
    durationMs: 10,
    status: "unset",
    attributes: {},
    service: "gateway",
    ...fields,
  };
}

Deno.test("a trace is called by its request, and lasts as long as its root", () => {
  const attributes = {
    "http.method": "POST",
    "http.url": "http://h/v1/chat/completions?key=x",
    "llmgate.request_id": "r-1",
  };
  const records = [
    span("late", { parentSpanId: "root", startMs: 1_001, durationMs: 5_000, status: "error" }),
    span("root", { attributes }),
    { signal: "metric" },
  ];
  const [trace] = tracesOf(() => records);
  assert.deepEqual(trace, {
    id: "t",
    time: "1970-01-01T00:00:01.000Z",
    name: "POST /v1/chat/completions",
    services: ["gateway"],
    ms: 10,
    spans: 2,
    errors: 1,
    request_id: "r-1",
  });
  assert.deepEqual(tracesOf(() => records, "r-2"), []);
});

Deno.test("spans stand below their parents, in the order of time, log records beside them", () => {
  const { tree, logs } = traceAt(() => [
    span("b", { parentSpanId: "root", startMs: 1_004 }),
    span("below a", { parentSpanId: "a", startMs: 1_005 }),
    span("a", { parentSpanId: "root", startMs: 1_002 }),
    span("root"),
    span("of another", { traceId: "other" }),
    {
      signal: "log",
      traceId: "t",
      timeMs: 1_003,
      body: "POST / 200",
      attributes: { n: 1 },
      service: "gateway",
    },
  ], "t");
  assert.deepEqual(tree.map(({ name, depth, from }) => [name, depth, from]), [
    ["root", 0, 0],
    ["a", 1, 2],
    ["below a", 2, 5],
    ["b", 1, 4],
  ]);
  assert.deepEqual(logs, [
    { at: 3, service: "gateway", text: "POST / 200", attributes: [["n", "1"]] },
  ]);
});

Deno.test("parents that are missing, twice, or their own children's children end nowhere", () => {
  const { tree } = traceAt(() => [
    span("orphan", { parentSpanId: "gone" }),
    span("one", { parentSpanId: "two" }),
    span("two", { parentSpanId: "one" }),
    span("self", { parentSpanId: "self" }),
    span("self", { parentSpanId: "self" }),
  ], "t");
  assert.deepEqual(tree.map(({ name }) => name).toSorted(), [
    "one",
    "orphan",
    "self",
    "self",
    "two",
  ]);
});

Deno.test("a trace of which no span is kept is not there", () => {
  assert.throws(() => traceAt(() => [], "t"), NotThere);
});
