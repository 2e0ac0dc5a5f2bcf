/** Tests of a store with conversations, their items, and the pages of a list. */
import assert from "node:assert/strict";
import type { PageQuery } from "../../api/page.ts";
import { aConversation, anItem } from "../objects.ts";
import { idsOf, NEWEST, type StoreTest } from "./harness.ts";

export const CONVERSATION_TESTS: readonly StoreTest[] = [
  {
    name: "pages follow each other in both directions without gap or repeat",
    async run({ conversations }) {
      const ids: string[] = [];
      for (let i = 0; i < 7; i++) {
        const conversation = aConversation();
        ids.push(conversation.id);
        await conversations.create("a", conversation);
      }
      const newest = ids.toReversed();
      const page = (query: Partial<PageQuery>) =>
        conversations.list("a", { limit: 3, order: "desc", ...query });
      const read = async (query: Partial<PageQuery>) => {
        const { data, hasMore } = await page(query);
        return [data.map(({ id }) => newest.indexOf(id)), hasMore];
      };
      const at = (index: number) => newest[index] ?? "";
      assert.deepEqual(await read({}), [[0, 1, 2], true]);
      assert.deepEqual(await read({ after: at(2) }), [[3, 4, 5], true]);
      assert.deepEqual(await read({ after: at(5) }), [[6], false]);
      assert.deepEqual(await read({ after: at(6) }), [[], false]);
      assert.deepEqual(await read({ before: at(6) }), [[3, 4, 5], true]);
      assert.deepEqual(await read({ before: at(3) }), [[0, 1, 2], false]);
      assert.deepEqual(await read({ before: at(2) }), [[0, 1], false]);
      assert.deepEqual(await read({ after: at(0), before: at(6) }), [[1, 2, 3], true]);
      assert.deepEqual(await read({ order: "asc" }), [[6, 5, 4], true]);
      assert.deepEqual(await read({ order: "asc", after: at(4) }), [[3, 2, 1], true]);
      assert.deepEqual(await read({ order: "asc", before: at(0) }), [[3, 2, 1], true]);
      assert.deepEqual(await read({ after: "conv_unknown" }), [[], false]);
    },
  },
  {
    name: "a cursor works on after its object was deleted, and not for another tenant",
    async run({ conversations, tidy }, clock) {
      const made = Array.from({ length: 4 }, () => aConversation());
      for (const one of made) await conversations.create("a", one);
      const [first, second, third] = made.map(({ id }) => id);
      assert.ok(third !== undefined);
      await conversations.delete("a", third);
      const next = { ...NEWEST, after: third };
      assert.deepEqual(idsOf(await conversations.list("a", next)), [second, first]);
      await conversations.create("b", aConversation());
      assert.deepEqual(idsOf(await conversations.list("b", next)), []);
      clock.now += 86_400;
      await tidy();
      assert.deepEqual(idsOf(await conversations.list("a", next)), []);
    },
  },
  {
    name: "a conversation's items keep their order; one that is sent again keeps its place",
    async run({ conversations }) {
      const conversation = aConversation({ metadata: { topic: "x" } });
      const items = Array.from({ length: 5 }, (_, index) => anItem(`${index}`));
      await conversations.create("a", conversation, items.slice(0, 2));
      assert.deepEqual(await conversations.get("a", conversation.id), conversation);
      assert.equal(await conversations.append("a", conversation.id, items), true);
      assert.deepEqual(await conversations.history("a", conversation.id), items);
      assert.deepEqual(
        idsOf(await conversations.items("a", conversation.id, { limit: 2, order: "desc" })),
        [items[4]?.id, items[3]?.id],
      );
      const third = items[2]?.id ?? "";
      assert.deepEqual(await conversations.getItem("a", conversation.id, third), items[2]);
      assert.equal(await conversations.deleteItem("a", conversation.id, third), true);
      assert.equal(await conversations.deleteItem("a", conversation.id, third), false);
      assert.equal(await conversations.getItem("a", conversation.id, third), undefined);
      const changed = { ...conversation, metadata: null };
      assert.equal(await conversations.update("a", changed), true);
      assert.deepEqual(await conversations.get("a", conversation.id), changed);
    },
  },
  {
    name: "an unknown conversation has no items and takes none",
    async run({ conversations }) {
      assert.equal(await conversations.append("a", "conv_x", [anItem("x")]), false);
      assert.equal(await conversations.append("a", "conv_x", []), false);
      assert.equal(await conversations.items("a", "conv_x", NEWEST), undefined);
      assert.equal(await conversations.update("a", aConversation()), false);
      const empty = aConversation();
      await conversations.create("a", empty);
      assert.deepEqual(await conversations.items("a", empty.id, NEWEST), {
        data: [],
        hasMore: false,
      });
      assert.deepEqual(await conversations.history("a", empty.id), []);
    },
  },
];
