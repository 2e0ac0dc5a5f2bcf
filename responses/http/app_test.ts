import assert from "node:assert/strict";
import { errorOf } from "../../openai/mod.ts";
import { Hono } from "hono";
import type { RouteEnv } from "../api/resource.ts";
import { startTestApp } from "../testing/app.ts";
import { httpApp } from "./app.ts";

Deno.test("every error is OpenAI-shaped", async () => {
  await using app = await startTestApp();
  const bad: [string, string, string | undefined, number][] = [
    ["GET", "/v1/nothing", undefined, 404],
    ["PATCH", "/v1/prompts", undefined, 404],
    ["GET", "/v1/prompts/prompt_x", undefined, 404],
    ["POST", "/v1/prompts", "{", 400],
    ["POST", "/v1/prompts", "[]", 400],
    ["POST", "/v1/prompts", '"x"', 400],
    ["POST", "/v1/files", "x", 400],
  ];
  for (const [method, path, body, status] of bad) {
    const response = await app.fetch(
      new Request(`http://gateway${path}`, { method, ...(body === undefined ? {} : { body }) }),
    );
    assert.equal(response.status, status, `${method} ${path}`);
    assert.ok(errorOf(await response.json()) !== undefined, `${method} ${path}`);
  }
});

Deno.test("a fault of the gateway is a 500 that tells the caller nothing, and the log everything", async () => {
  const routes = new Hono<RouteEnv>();
  routes.get("/", () => {
    throw new Error("secret");
  });
  const failures: unknown[] = [];
  const app = httpApp({
    resources: [{ path: "/v1/broken", routes, operations: {} }],
    onError: (error) => failures.push(error),
  });
  const response = await app.request("/v1/broken");
  assert.equal(response.status, 500);
  const text = await response.text();
  assert.equal(errorOf(JSON.parse(text))?.type, "processing_error");
  assert.ok(!text.includes("secret"));
  assert.equal((failures[0] as Error).message, "secret");
});

Deno.test("a tenant is one visible word; without the header it is the default one", async () => {
  await using app = await startTestApp();
  const { body: { id } } = await app.call("POST", "/v1/conversations");
  assert.equal(
    (await app.call("GET", `/v1/conversations/${id}`, undefined, "default")).status,
    200,
  );
  for (const tenant of ["", "two words", "x".repeat(129)]) {
    const { status, body } = await app.call("GET", "/v1/conversations", undefined, tenant);
    assert.deepEqual([status, body.error.type], [400, "invalid_request"], `"${tenant}"`);
  }
});
