/** Tests of a store with responses, and what ends them. */
import assert from "node:assert/strict";
import type { Item } from "../../api/objects.ts";
import { aConversation, anItem, aResponse } from "../objects.ts";
import { idsOf, NEWEST, OLDEST, type StoreTest } from "./harness.ts";

export const RESPONSE_TESTS: readonly StoreTest[] = [
  {
    name: "a response is read back as it was written, input included, until it is deleted",
    async run({ responses }) {
      const response = aResponse({ metadata: { k: "é\u0000\ud800" }, temperature: 0.25 });
      const input = [anItem("one"), anItem("two"), anItem("three")];
      await responses.insert("a", { response, input });
      assert.deepEqual(await responses.get("a", response.id), { response, input });
      const page = await responses.inputItems("a", response.id, { limit: 2, order: "asc" });
      assert.deepEqual(page, { data: input.slice(0, 2), hasMore: true });
      assert.equal(await responses.delete("a", response.id), true);
      assert.equal(await responses.delete("a", response.id), false);
      assert.equal(await responses.get("a", response.id), undefined);
      assert.equal(await responses.inputItems("a", response.id, OLDEST), undefined);
    },
  },
  {
    name: "what is not synced is seen at once, and taken along by what is",
    async run({ responses, finish }) {
      const made = [aResponse(), aResponse(), aResponse()];
      await Promise.all(
        made.map((response, i) =>
          responses.insert("a", { response, input: [] }, { sync: i === 1 })
        ),
      );
      for (const response of made) {
        assert.deepEqual((await responses.get("a", response.id))?.response, response);
        assert.equal(await finish("a", { ...response, status: "completed" }, []), true);
      }
      const alone = aResponse();
      await responses.insert("a", { response: alone, input: [] }, { sync: false });
      assert.deepEqual((await responses.get("a", alone.id))?.response, alone);
    },
  },
  {
    name: "a response that has ended is not changed any more",
    async run({ responses, finish }) {
      const response = aResponse();
      await responses.insert("a", { response, input: [] });
      const output: Item[] = [{ type: "message", id: "msg_1" }];
      assert.equal(await responses.update("a", { ...response, output }), true);
      assert.equal(await responses.update("a", { ...response, status: "cancelled" }), true);
      assert.equal(await responses.update("a", { ...response, output: [] }), false);
      assert.equal(await finish("a", { ...response, status: "completed" }, []), false);
      assert.equal((await responses.get("a", response.id))?.response.status, "cancelled");
    },
  },
  {
    name: "finish() writes the response and its conversation's items, or nothing",
    async run({ responses, conversations, finish }) {
      const conversation = aConversation();
      const response = aResponse({ conversation: conversation.id });
      await responses.insert("a", { response, input: [], conversation });
      const items = [anItem("hello"), anItem("hi", { role: "assistant" })];
      const completed = { ...response, status: "completed" as const };
      assert.equal(await finish("b", completed, items), false);
      assert.equal(await finish("a", completed, items), true);
      assert.equal(await finish("a", completed, [anItem("twice")]), false);
      assert.deepEqual(await conversations.history("a", conversation.id), items);
      assert.deepEqual((await responses.get("a", response.id))?.response, completed);
    },
  },
  {
    name: "record() adds a response that has ended, and what its conversation gained",
    async run({ responses, conversations, record }) {
      const made = aConversation();
      const known = aConversation();
      await conversations.create("a", known, [anItem("before")]);
      for (const conversation of [made, known]) {
        const response = aResponse({ conversation: conversation.id, status: "completed" });
        const items = [anItem("hello"), anItem("hi", { role: "assistant" })];
        const entry = { response, input: items.slice(0, 1) };
        await record("a", conversation === made ? { ...entry, conversation } : entry, items);
        assert.deepEqual(await responses.get("a", response.id), entry);
        const history = await conversations.history("a", conversation.id);
        assert.deepEqual(history?.slice(-2), items);
        assert.equal(history?.length, conversation === made ? 2 : 3);
      }
    },
  },
  {
    name: "record() does without a conversation that was deleted meanwhile",
    async run({ responses, conversations, record }) {
      const response = aResponse({ conversation: "conv_gone", status: "completed" });
      await record("a", { response, input: [] }, [anItem("x")]);
      assert.notEqual(await responses.get("a", response.id), undefined);
      assert.equal(await conversations.history("a", "conv_gone"), undefined);
    },
  },
  {
    name: "finish() does without a conversation that was deleted meanwhile",
    async run({ responses, conversations, finish }) {
      const conversation = aConversation();
      const response = aResponse({ conversation: conversation.id });
      await responses.insert("a", { response, input: [], conversation });
      assert.equal(await conversations.delete("a", conversation.id), true);
      assert.equal(await finish("a", { ...response, status: "completed" }, [anItem("x")]), true);
      assert.equal(await conversations.history("a", conversation.id), undefined);
    },
  },
  {
    name: "responses are listed by model, newest first",
    async run({ responses }) {
      const made = ["m", "n", "m"].map((model) => aResponse({ model, status: "completed" }));
      for (const response of made) await responses.insert("a", { response, input: [] });
      const [first, second, third] = made.map(({ id }) => id);
      assert.deepEqual(idsOf(await responses.list("a", NEWEST)), [third, second, first]);
      assert.deepEqual(idsOf(await responses.list("a", NEWEST, { model: "m" })), [third, first]);
      assert.deepEqual(idsOf(await responses.list("b", NEWEST)), []);
    },
  },
  {
    name: "recover() leaves alone what this process works on",
    async run({ responses, recover, tidy }, clock) {
      const response = aResponse({ status: "queued" });
      await responses.insert("a", { response, input: [] });
      clock.now += 3600;
      assert.equal(await recover(), 0);
      await tidy();
      assert.equal(await recover(), 0);
      assert.equal((await responses.get("a", response.id))?.response.status, "queued");
    },
  },
];
