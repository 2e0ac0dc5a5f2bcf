/** Sessions on the control listener: whose they are, shown and erased; and the prompt APIs, listed and described. */
import assert from "node:assert/strict";
import { ask, json, startTransformed, type TransformedGateway } from "./stack.ts";

const ASK = { model: "gpt-4o-mini", temperature: 0, messages: [{ role: "user", content: "Hi" }] };
const SAID = {
  id: "chatcmpl-1",
  object: "chat.completion",
  choices: [{
    index: 0,
    message: { role: "assistant", content: "Hello" },
    finish_reason: "stop",
  }],
};

async function control(gateway: TransformedGateway, path: string, method = "GET") {
  const response = await fetch(`${gateway.control.url}${path}`, { method });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
}

Deno.test("a session is shown, erased on request, and gone from the next request", async () => {
  await using gateway = await startTransformed("steps: [{ context: {} }]\n");
  const say = async (id: string) => {
    const response = await ask(gateway, ASK, {
      headers: { "x-session-id": id },
      steps: json(SAID),
    });
    await response.text();
    return response.headers.get("x-llm-context");
  };
  for (const id of ["a", "b:1", "a"]) await say(id);
  const listed = await control(gateway, "/__context/sessions/demo");
  assert.deepEqual(listed.body, { tenant: "demo", sessions: ["a", "b:1"] });
  const shown = await control(gateway, "/__context/sessions/demo/a");
  assert.equal(shown.body.turns.length, 2);
  assert.equal(shown.body.turns[0].messages[1].content, "Hello");
  const none = await control(gateway, "/__context/sessions/somebody/a");
  assert.deepEqual([none.status, none.body.turns], [404, []]);
  assert.equal((await control(gateway, "/__context/sessions/demo/a", "DELETE")).status, 204);
  assert.equal(await say("a"), "turns=0 tokens=0 dropped=0");
  assert.match(await say("b:1") ?? "", /^turns=1 /);
  const all = await control(gateway, "/__context/sessions/demo", "DELETE");
  assert.deepEqual(all.body, { erased: 2 });
  assert.equal(await say("b:1"), "turns=0 tokens=0 dropped=0");
  assert.equal((await control(gateway, "/__context/sessions/demo/a", "PUT")).status, 405);
});

Deno.test("cached answers are forgotten: all, of a tenant, of a model", async () => {
  await using gateway = await startTransformed("steps: [{ cache: {} }]\n");
  const cached = async (model: string) => {
    const response = await ask(gateway, { ...ASK, model }, { steps: json(SAID) });
    await response.text();
    return response.headers.get("x-llm-cache");
  };
  const models = ["gpt-4o-mini", "org/model:1"];
  const warm = async () => {
    for (const model of models) await cached(model);
    return await Promise.all(models.map(cached));
  };
  assert.deepEqual(await warm(), ["hit", "hit"]);
  const rows = [
    ["?tenant=nobody", 0],
    [`?tenant=demo&model=${encodeURIComponent("org/model:1")}`, 1],
    ["?model=gpt-4o-mini", 1],
    ["?tenant=demo", 2],
    ["", 2],
  ] as const;
  for (const [query, purged] of rows) {
    await warm();
    const answer = await control(gateway, `/__cache${query}`, "DELETE");
    assert.deepEqual(answer.body, { purged }, query);
  }
  assert.equal(await cached("gpt-4o-mini"), "miss");
});

Deno.test("prompt APIs are listed for clients, and described as OpenAPI", async () => {
  await using gateway = await startTransformed(`
steps:
  - api:
      path: /v1/run/translate
      model: gpt-4o-mini
      messages: [{ role: user, content: "Translate into {{language}}: {{text}}" }]
      input: { text: string, language: { enum: [fr, de] } }
`);
  const headers = { "x-api-key": "demo-key" };
  const list = await (await fetch(`${gateway.url}/v1/run`, { headers })).json();
  assert.deepEqual(list.data.map(({ id, path }: Record<string, string>) => [id, path]), [
    ["translate", "/v1/run/translate"],
  ]);
  const denied = await fetch(`${gateway.url}/v1/run`);
  await denied.body?.cancel();
  assert.equal(denied.status, 401);
  const { body } = await control(gateway, "/openapi.json");
  const { post } = body.paths["/v1/run/translate"];
  assert.equal(post.operationId, "translate");
  const { schema } = post.requestBody.content["application/json"];
  assert.deepEqual(schema.required, ["text", "language"]);
  assert.deepEqual(schema.properties.language, { type: "string", enum: ["fr", "de"] });
  // What the document asks for is taken, and what it forbids is not.
  const good = await ask(gateway, { text: "Hi", language: "de" }, {
    path: "/v1/run/translate",
    steps: json(SAID),
  });
  assert.deepEqual(await good.json(), { text: "Hello", usage: null });
  const bad = await ask(gateway, { text: "Hi", language: "de", other: 1 }, {
    path: "/v1/run/translate",
  });
  assert.equal((await bad.json()).error.param, "other");
});

Deno.test("the console has a lane for the steps: when a request came to them, what they made of it", async () => {
  await using gateway = await startTransformed("steps: [{ prompt: { system: { prepend: X } } }]\n");
  await (await ask(gateway, ASK, { headers: { "x-request-id": "lane-1" }, steps: json(SAID) }))
    .text();
  const { body } = await control(gateway, "/api/v1/requests/lane-1");
  const lane = body.lanes.find(({ name }: { name: string }) => name === "transform");
  const upstream = body.lanes.find(({ name }: { name: string }) => name === "upstream");
  assert.equal(lane.says, "changed");
  assert.ok(lane.to <= upstream.from, `${lane.to} before ${upstream.from}`);
});
