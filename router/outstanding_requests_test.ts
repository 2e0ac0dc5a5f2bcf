import assert from "node:assert/strict";
import { RouterMetrics } from "./metrics.ts";
import { OutstandingRequests } from "./outstanding_requests.ts";

const host = (endpoint: string) => ({ endpoint, host: "a", port: 1, models: undefined });

Deno.test("a host that is gone is forgotten with its last request, not before", async () => {
  const metrics = new RouterMetrics();
  const outstanding = new OutstandingRequests(metrics);
  outstanding.follow([host("a:1"), host("b:1")]);
  outstanding.started("a:1");
  outstanding.follow([host("b:1")]);
  assert.equal(outstanding.of("a:1"), 1);
  assert.match(await metrics.text(), /outstanding[^\n]*a:1"\} 1/);
  outstanding.ended("a:1");
  assert.equal(outstanding.of("a:1"), 0);
  assert.doesNotMatch(await metrics.text(), /outstanding[^\n]*a:1"/);
});

Deno.test("a host that was never asked is shown with 0", async () => {
  const metrics = new RouterMetrics();
  new OutstandingRequests(metrics).follow([host("a:1")]);
  assert.match(await metrics.text(), /outstanding[^\n]*a:1"\} 0/);
});
