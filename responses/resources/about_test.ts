import assert from "node:assert/strict";
import type { BackendState } from "../backend/backend.ts";
import { httpApp } from "../http/app.ts";
import { ResponsesMetrics } from "../metrics.ts";
import { about } from "./about.ts";

function appOf(state: BackendState) {
  let asked = 0;
  const time = { now: 0 };
  const metrics = new ResponsesMetrics();
  const backend = {
    state: () => {
      asked++;
      return Promise.resolve(state);
    },
  };
  const app = httpApp({ resources: [about({ backend, metrics, clock: () => time.now })] });
  const get = async (path: string) => {
    const response = await app.request(path);
    return { status: response.status, body: await response.json() };
  };
  return { get, metrics, time, asked: () => asked };
}

Deno.test("/health tells whether the model server is up, asks it once a second, and names no address", async () => {
  const up = appOf({ reachable: true, models: ["a/b"] });
  for (let i = 0; i < 3; i++) {
    const { body } = await up.get("/health");
    assert.deepEqual(body, { status: "healthy", backend: { status: "up", models: 1 } });
  }
  assert.equal(up.asked(), 1);
  up.time.now = 1_001;
  await up.get("/health");
  assert.equal(up.asked(), 2);
  assert.match(await up.metrics.text(), /llmgate_responses_backend_up 1/);
  const down = appOf({ reachable: false, models: [], error: "http://10.0.0.7 refused" });
  const { status, body } = await down.get("/health");
  assert.deepEqual([status, body.status, body.backend.status], [200, "healthy", "down"]);
  assert.ok(!JSON.stringify(body).includes("10.0.0.7"));
});

Deno.test("/v1/models lists the model server's models, names with slashes too", async () => {
  const up = appOf({ reachable: true, models: ["a/b"] });
  assert.deepEqual((await up.get("/v1/models")).body.data.map(({ id }: { id: string }) => id), [
    "a/b",
  ]);
  assert.equal((await up.get("/v1/models/a/b")).body.id, "a/b");
  assert.equal((await up.get("/v1/models/c")).body.error.code, "model_not_found");
  const down = appOf({ reachable: false, models: [] });
  assert.equal((await down.get("/v1/models")).status, 503);
});
