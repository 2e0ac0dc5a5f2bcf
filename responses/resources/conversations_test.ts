import assert from "node:assert/strict";
import { T0 } from "../testing/objects.ts";
import { startTestApp } from "../testing/app.ts";

const CONVERSATIONS = "/v1/conversations";

function message(content: unknown, role = "user") {
  return { type: "message", role, content };
}

Deno.test("a conversation is made, read, changed, listed and deleted", async () => {
  await using app = await startTestApp();
  const made = await app.call("POST", CONVERSATIONS, { metadata: { topic: "tea" } });
  assert.equal(made.status, 200);
  const { id } = made.body;
  assert.match(id, /^conv_[0-9a-f]{32}$/);
  assert.deepEqual(made.body, {
    id,
    object: "conversation",
    created_at: T0,
    metadata: { topic: "tea" },
  });
  assert.deepEqual(await app.call("GET", `${CONVERSATIONS}/${id}`), made);
  const changed = await app.call("POST", `${CONVERSATIONS}/${id}`, { metadata: { topic: "mate" } });
  assert.deepEqual(changed.body, { ...made.body, metadata: { topic: "mate" } });
  assert.deepEqual((await app.call("GET", CONVERSATIONS)).body, {
    object: "list",
    data: [changed.body],
    first_id: id,
    last_id: id,
    has_more: false,
  });
  assert.deepEqual(await app.call("DELETE", `${CONVERSATIONS}/${id}`), {
    status: 200,
    body: { id, object: "conversation.deleted", deleted: true },
  });
  const gone = await app.call("GET", `${CONVERSATIONS}/${id}`);
  assert.equal(gone.status, 404);
  assert.equal(gone.body.error.type, "conversation_not_found");
  assert.deepEqual((await app.call("GET", CONVERSATIONS)).body.data, []);
});

Deno.test("a conversation needs no body, and can start with items", async () => {
  await using app = await startTestApp();
  assert.deepEqual((await app.call("POST", CONVERSATIONS)).body.metadata, {});
  const { body } = await app.call("POST", CONVERSATIONS, { items: [message("hello")] });
  const items = await app.call("GET", `${CONVERSATIONS}/${body.id}/items`);
  assert.deepEqual(items.body.data.map(({ content }: { content: string }) => content), ["hello"]);
});

Deno.test("items come back in order of arrival, their content as it was sent", async () => {
  await using app = await startTestApp();
  const { body: { id } } = await app.call("POST", CONVERSATIONS);
  const parts = [{ type: "input_text", text: "two" }];
  const path = `${CONVERSATIONS}/${id}/items`;
  const added = await app.call("POST", path, {
    items: [message("one"), { role: "user", content: parts }],
  });
  assert.equal(added.status, 200);
  assert.equal(added.body.object, "list");
  await app.call("POST", path, {
    items: [{ type: "function_call_output", id: "theirs", call_id: "c", output: "3" }],
  });
  const { data, has_more } = (await app.call("GET", path)).body;
  const [first, second, third] = data;
  assert.match(first.id, /^msg_[0-9a-f]{32}$/);
  assert.deepEqual(first, {
    status: "completed",
    type: "message",
    role: "user",
    content: "one",
    id: first.id,
    object: "conversation.item",
    created_at: T0,
  });
  assert.deepEqual([second.type, second.content], ["message", parts]);
  assert.deepEqual([third.type, third.output], ["function_call_output", "3"]);
  assert.match(third.id, /^fco_/);
  assert.equal(has_more, false);
  assert.deepEqual((await app.call("GET", `${path}/${second.id}`)).body, second);
  const newest = await app.call("GET", `${path}?order=desc&limit=2`);
  assert.deepEqual([newest.body.data, newest.body.has_more], [[third, second], true]);
  const conversation = await app.call("DELETE", `${path}/${second.id}`);
  assert.equal(conversation.body.id, id);
  assert.equal((await app.call("GET", `${path}/${second.id}`)).status, 404);
  assert.equal((await app.call("DELETE", `${path}/${second.id}`)).status, 404);
});

Deno.test("what is no item, or too much, is refused with the field's name", async () => {
  await using app = await startTestApp();
  const { body: { id } } = await app.call("POST", CONVERSATIONS);
  const refused: [string, unknown, string | null][] = [
    [`/${id}/items`, {}, "items"],
    [`/${id}/items`, { items: [] }, "items"],
    [`/${id}/items`, { items: [{}] }, "items.0"],
    [`/${id}/items`, { items: ["text"] }, "items.0"],
    [`/${id}/items`, { items: [{ type: "message", role: "user" }] }, "items.0"],
    [`/${id}/items`, { items: [{ type: "message", content: "x" }] }, "items.0"],
    [`/${id}/items`, { items: Array(21).fill(message("x")) }, "items"],
    ["", { items: Array(21).fill(message("x")) }, "items"],
    ["", { metadata: { k: 1 } }, "metadata.k"],
    ["", { metadata: { ["k".repeat(65)]: "v" } }, `metadata.${"k".repeat(65)}`],
    ["", { metadata: { k: "v".repeat(513) } }, "metadata.k"],
    ["", [], null],
  ];
  for (const [path, body, param] of refused) {
    const answer = await app.call("POST", CONVERSATIONS + path, body);
    assert.equal(answer.status, 400, path);
    assert.equal(answer.body.error.type, "invalid_request");
    assert.equal(answer.body.error.param, param);
  }
  assert.deepEqual((await app.call("GET", `${CONVERSATIONS}/${id}/items`)).body.data, []);
});
