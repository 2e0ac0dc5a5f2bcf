/** Conversations and their items, as rows. */
import type { Conversation, ConversationItem } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import { conversationClaims } from "./conversation_claims.ts";
import type { Database, Statement } from "./database.ts";
import { bodyOf, firstBody, type List, readPage, removal } from "./lists.ts";
import type { ConversationStore } from "./store.ts";

const CONVERSATIONS: List = { table: "conversations" };
const ITEMS: List = { table: "conversation_items", parent: "conversation" };

export function conversationRows(
  database: Database,
  context: { owner: string; now: () => number },
): ConversationStore {
  const { now } = context;
  const get = async (tenant: Tenant, id: string) =>
    firstBody<Conversation>(
      await database.query(
        `SELECT body FROM conversations WHERE tenant = $1 AND id = $2`,
        [tenant, id],
      ),
    );
  return {
    async create(tenant, conversation, items = []) {
      await database.transaction([
        inserted(tenant, conversation),
        ...appended(tenant, conversation.id, items),
      ]);
    },
    get,
    update: (tenant, conversation) =>
      database.transaction([{
        sql: `UPDATE conversations SET body = $3 WHERE tenant = $1 AND id = $2`,
        params: [tenant, conversation.id, JSON.stringify(conversation)],
        expect: 1,
      }]),
    delete: (tenant, id) =>
      database.transaction(removal(CONVERSATIONS, { tenant, id, now: now() })),
    list: (tenant, page) =>
      readPage(database, CONVERSATIONS, { tenant, page }, bodyOf<Conversation>),

    async append(tenant, id, items) {
      if (items.length === 0) return await get(tenant, id) !== undefined;
      const [held, ...added] = appended(tenant, id, items);
      return held !== undefined && await database.transaction([{ ...held, expect: 1 }, ...added]);
    },
    async items(tenant, id, page) {
      const found = await readPage(
        database,
        ITEMS,
        { tenant, parent: id, page },
        bodyOf<ConversationItem>,
      );
      return found.data.length > 0 || await get(tenant, id) !== undefined ? found : undefined;
    },
    async history(tenant, id) {
      const rows = await database.query(
        `SELECT body FROM conversation_items WHERE tenant = $1 AND conversation = $2 ORDER BY seq`,
        [tenant, id],
      );
      if (rows.length === 0 && await get(tenant, id) === undefined) return undefined;
      return rows.map(bodyOf<ConversationItem>);
    },
    async getItem(tenant, id, itemId) {
      return firstBody(
        await database.query(
          `SELECT body FROM conversation_items WHERE tenant = $1 AND conversation = $2 AND id = $3`,
          [tenant, id, itemId],
        ),
      );
    },
    async findItem(tenant, itemId) {
      return firstBody(
        await database.query(
          `SELECT body FROM conversation_items WHERE tenant = $1 AND id = $2 ORDER BY seq DESC LIMIT 1`,
          [tenant, itemId],
        ),
      );
    },
    claim: conversationClaims(database, context),
    deleteItem: (tenant, id, itemId) =>
      database.transaction(removal(ITEMS, { tenant, parent: id, id: itemId, now: now() })),
  };
}

/** Adds a conversation. */
export function inserted(tenant: Tenant, conversation: Conversation): Statement {
  return {
    sql: `INSERT INTO conversations (tenant, id, body) VALUES ($1, $2, $3)`,
    params: [tenant, conversation.id, JSON.stringify(conversation)],
  };
}

/**
 * Adds items to a conversation, and none when there is no such conversation. An item that is there already, because it
 * was sent again, keeps its place.
 */
export function appended(
  tenant: Tenant,
  conversation: string,
  items: readonly ConversationItem[],
): Statement[] {
  return [
    // Held first: of two that append at once, one comes as a whole before the other.
    {
      sql: `UPDATE conversations SET body = body WHERE tenant = $1 AND id = $2`,
      params: [tenant, conversation],
    },
    ...items.map((item) => ({
      sql: `INSERT INTO conversation_items (tenant, conversation, id, body)
        SELECT tenant, id, $3, $4 FROM conversations WHERE tenant = $1 AND id = $2
        ON CONFLICT (tenant, conversation, id) DO NOTHING`,
      params: [tenant, conversation, item.id, JSON.stringify(item)],
    })),
  ];
}

/** Items of one statement: each number of them is a text of its own, and is prepared once. */
const ROWS = 8;

/** Adds the first items of a conversation that is made in the same transaction. */
export function firstItems(
  tenant: Tenant,
  conversation: string,
  items: readonly ConversationItem[],
): Statement[] {
  const statements: Statement[] = [];
  for (let at = 0; at < items.length; at += ROWS) {
    const some = items.slice(at, at + ROWS);
    const rows = some.map((_, i) => `($1, $2, $${2 * i + 3}, $${2 * i + 4})`);
    statements.push({
      sql: `INSERT INTO conversation_items (tenant, conversation, id, body)
        VALUES ${rows.join(", ")} ON CONFLICT (tenant, conversation, id) DO NOTHING`,
      params: [tenant, conversation, ...some.flatMap((item) => [item.id, JSON.stringify(item)])],
    });
  }
  return statements;
}
