/** The routes of stored responses over HTTP. */
import assert from "node:assert/strict";
import { TENANT_HEADER } from "../api/tenant.ts";
import { httpApp } from "../http/app.ts";
import { startTestEngine, TENANT } from "../testing/engine.ts";
import { responsesResource } from "./responses.ts";

async function startApp() {
  const test = await startTestEngine();
  const onFault = (error: unknown) => {
    throw error;
  };
  const { engine, store } = test;
  const app = httpApp({ resources: [responsesResource({ engine, store, onFault })] });
  const call = async (method: string, path: string, body?: unknown, tenant: string = TENANT) => {
    const response = await app.fetch(
      new Request(`http://gateway${path}`, {
        method,
        headers: { [TENANT_HEADER]: tenant },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    const type = response.headers.get("content-type");
    return {
      status: response.status,
      type,
      text,
      body: type?.includes("json") && JSON.parse(text),
    };
  };
  return { ...test, call, [Symbol.asyncDispose]: () => test[Symbol.asyncDispose]() };
}

Deno.test("responses are made, listed by model and page, read and deleted", async () => {
  await using app = await startApp();
  const ids: string[] = [];
  for (const model of ["a", "b", "a"]) {
    const made = await app.call("POST", "/v1/responses", { model, input: "Hi" });
    assert.equal(made.status, 200);
    assert.match(made.body.conversation.id, /^conv_[0-9a-f]{32}$/);
    ids.push(made.body.id);
  }
  const page = await app.call("GET", "/v1/responses?limit=1&model=a");
  assert.deepEqual([page.body.data[0].id, page.body.has_more], [ids[2], true]);
  const next = await app.call("GET", `/v1/responses?limit=1&model=a&after=${ids[2]}`);
  assert.deepEqual([next.body.data[0].id, next.body.has_more], [ids[0], false]);
  const items = await app.call("GET", `/v1/responses/${ids[0]}/input_items`);
  assert.deepEqual(items.body.data[0].content, [{ type: "input_text", text: "Hi" }]);
  const gone = await app.call("DELETE", `/v1/responses/${ids[0]}`);
  assert.deepEqual(gone.body, { id: ids[0], object: "response", deleted: true });
  assert.equal((await app.call("GET", `/v1/responses/${ids[0]}`)).status, 404);
});

Deno.test("a stream over HTTP has the same events as over ext_proc", async () => {
  await using app = await startApp();
  const { status, type, text } = await app.call("POST", "/v1/responses", {
    model: "m",
    input: "Hi",
    stream: true,
  });
  assert.equal(status, 200);
  assert.match(String(type), /^text\/event-stream/);
  assert.match(text, /^event: response\.created\n/);
  assert.match(text, /event: response\.completed\ndata: .*\n\n$/);
});

Deno.test("no route shows another tenant's response", async () => {
  await using app = await startApp();
  const { body: { id } } = await app.call("POST", "/v1/responses", { model: "m", input: "Hi" });
  const routes = [
    ["GET", `/v1/responses/${id}`],
    ["GET", `/v1/responses/${id}?stream=true`],
    ["GET", `/v1/responses/${id}/input_items`],
    ["POST", `/v1/responses/${id}/cancel`],
    ["DELETE", `/v1/responses/${id}`],
  ] as const;
  for (const [method, path] of routes) {
    const { status, body } = await app.call(method, path, undefined, "other");
    assert.deepEqual([status, body.error.code], [404, "response_not_found"], `${method} ${path}`);
  }
  assert.deepEqual((await app.call("GET", "/v1/responses", undefined, "other")).body.data, []);
  assert.equal((await app.call("GET", `/v1/responses/${id}`)).status, 200);
});

Deno.test("the events of a response that is not in the background are not kept, and it says so", async () => {
  await using app = await startApp();
  const { body: { id } } = await app.call("POST", "/v1/responses", { model: "m", input: "Hi" });
  const { status, body } = await app.call("GET", `/v1/responses/${id}?stream=true`);
  assert.equal(status, 400);
  assert.match(body.error.message, /background/);
});
