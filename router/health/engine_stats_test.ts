import assert from "node:assert/strict";
import { EngineBook, parseEngineStats } from "./engine_stats.ts";

const TEXT = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="1",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="a } b"} 7 1700000000000
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:kv_cache_usage_perc{engine="1"} 0.75
vllm:something_else NaN
`;

Deno.test("parseEngineStats() sums the requests of a server, and takes its fullest cache", () => {
  assert.deepEqual(parseEngineStats(TEXT), { waiting: 7, running: 5, kvCacheUsage: 0.75 });
  const older = TEXT.replaceAll("vllm:kv_cache", "vllm:gpu_cache");
  assert.equal(parseEngineStats(older)?.kvCacheUsage, 0.75);
  assert.equal(parseEngineStats("vllm:num_requests_running 1\n"), undefined);
  assert.equal(parseEngineStats("not found"), undefined);
});

Deno.test("EngineBook counts what was sent since the reading, and forgets what is too old", () => {
  const book = new EngineBook();
  const stats = { waiting: 1, running: 2, kvCacheUsage: 0 };
  book.sent("a:1");
  assert.equal(book.load("a:1"), undefined);
  book.read("a:1", stats);
  book.sent("a:1");
  assert.deepEqual(book.load("a:1"), { ...stats, sentSince: 1 });
  book.read("a:1", undefined);
  book.read("a:1", undefined);
  assert.equal(book.load("a:1")?.sentSince, 1);
  book.read("a:1", stats);
  assert.equal(book.load("a:1")?.sentSince, 0);
  for (let i = 0; i < 3; i++) book.read("a:1", undefined);
  assert.equal(book.load("a:1"), undefined);
  book.read("a:1", stats);
  book.retain(new Set());
  assert.equal(book.load("a:1"), undefined);
});
