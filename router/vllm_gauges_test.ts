import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { type HostLoad, VllmGauges } from "./vllm_gauges.ts";

const LINE = /^vllm:(\w+)\{server="([^"]+)"\} (\S+)$/gm;

Deno.test("VllmGauges shows what is known of each host, and nothing of one that went", async () => {
  const registry = new Registry();
  const gauges = new VllmGauges(registry);
  const shown = async (loads: Record<string, HostLoad>) => {
    gauges.show(new Map(Object.entries(loads)));
    return [...(await registry.metrics()).matchAll(LINE)].map((match) => match.slice(1).join(" "));
  };
  const engine = { waiting: 3, running: 9, kvCacheUsage: 0.5, sentSince: 1 };
  assert.deepEqual(
    await shown({
      "http://a:1": { outstanding: 2, healthy: true, engine },
      "http://b:1": { outstanding: 0, healthy: false, engine: undefined },
    }),
    [
      "num_requests_running http://a:1 2",
      "num_requests_running http://b:1 0",
      "healthy_pods_total http://a:1 1",
      "healthy_pods_total http://b:1 0",
      "num_requests_waiting http://a:1 3",
      "kv_cache_usage_perc http://a:1 0.5",
    ],
  );
  assert.deepEqual(
    await shown({ "https://b:1": { outstanding: 1, healthy: true, engine: undefined } }),
    [
      "num_requests_running https://b:1 1",
      "healthy_pods_total https://b:1 1",
    ],
  );
});
