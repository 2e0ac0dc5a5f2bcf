import assert from "node:assert/strict";
import type { Resource } from "../api/resource.ts";
import { connectors } from "../resources/connectors.ts";
import { conversations } from "../resources/conversations.ts";
import { files } from "../resources/files.ts";
import { prompts } from "../resources/prompts.ts";
import { responsesResource } from "../resources/responses.ts";
import { vectorStores } from "../resources/vector_stores.ts";
import { startTestApp } from "../testing/app.ts";
import { openApiOf, pathOf } from "./openapi.ts";

/** Every resource, with nothing behind it: only its routes are looked at. */
function resources(): Resource[] {
  const nothing = { store: {}, now: () => 0 } as never;
  return [conversations, prompts, connectors, files, responsesResource, vectorStores]
    .map((make) => make(nothing));
}

Deno.test("every route is described, and nothing else is", () => {
  for (const { path, routes, operations } of resources()) {
    const served = routes.routes.map((route) => `${route.method} ${pathOf(path, route.path)}`);
    const described = Object.keys(operations).map((key) => {
      const [method, rest = ""] = key.split(" ");
      return `${method} ${pathOf(path, rest)}`;
    });
    assert.deepEqual(described.toSorted(), [...new Set(served)].toSorted(), path);
  }
});

Deno.test("the document says what a handler reads, and how errors look", () => {
  // deno-lint-ignore no-explicit-any -- a document of many shapes
  const document = openApiOf(resources()) as any;
  assert.equal(document.openapi, "3.1.0");
  const ask = document.paths["/v1/responses"].post;
  assert.ok(ask.requestBody.content["application/json"].schema.required.includes("model"));
  assert.ok("text/event-stream" in ask.responses[200].content);
  const upload = document.paths["/v1/files"].post.requestBody.content["multipart/form-data"];
  assert.deepEqual(upload.schema.required, ["file", "purpose"]);
  const item = document.paths["/v1/conversations/{id}/items/{item}"].get;
  assert.deepEqual(
    item.parameters.map((one: { name: string; in: string }) => [one.name, one.in]),
    [["id", "path"], ["item", "path"]],
  );
  const list = document.paths["/v1/conversations"].get.parameters;
  assert.deepEqual(list.map(({ name }: { name: string }) => name), [
    "after",
    "before",
    "limit",
    "order",
  ]);
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path as Record<string, { operationId: string }>).map((one) => one.operationId)
  );
  assert.equal(new Set(ids).size, ids.length);
});

Deno.test("GET /openapi.json serves it", async () => {
  await using app = await startTestApp();
  const { status, body } = await app.call("GET", "/openapi.json");
  assert.equal(status, 200);
  assert.ok("/v1/files/{id}/content" in body.paths);
});
