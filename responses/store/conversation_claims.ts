/** Which conversations a response is working on: one at a time, over all processes that share the database. */
import type { Tenant } from "../api/tenant.ts";
import type { Database } from "./database.ts";

/** Claims conversations. */
export type ClaimConversation = (
  tenant: Tenant,
  id: string,
) => Promise<AsyncDisposable | undefined>;

/** Returns what claims; a claim of a process that died counts no more. `owner` is this process. */
export function conversationClaims(
  database: Database,
  { owner, now }: { owner: string; now: () => number },
): ClaimConversation {
  const held = new Set<string>();
  // No other process can have the file, so nothing needs to be written.
  const alone = database.dialect === "sqlite";
  return async (tenant, id) => {
    const key = JSON.stringify([tenant, id]);
    if (held.has(key)) return undefined;
    held.add(key);
    try {
      if (!alone && !await claimed(tenant, id)) {
        held.delete(key);
        return undefined;
      }
    } catch (error) {
      held.delete(key);
      throw error;
    }
    return {
      async [Symbol.asyncDispose]() {
        if (!held.delete(key) || alone) return;
        await database.transaction([{
          sql: `DELETE FROM conversation_claims
            WHERE tenant = $1 AND conversation = $2 AND owner = $3`,
          params: [tenant, id, owner],
        }], { sync: false });
      },
    };
  };

  function claimed(tenant: Tenant, id: string): Promise<boolean> {
    return database.transaction([
      {
        sql: `DELETE FROM conversation_claims WHERE tenant = $1 AND conversation = $2
          AND owner NOT IN (SELECT owner FROM processes WHERE alive_until > $3)`,
        params: [tenant, id, now()],
      },
      {
        sql: `INSERT INTO conversation_claims (tenant, conversation, owner) VALUES ($1, $2, $3)
          ON CONFLICT (tenant, conversation) DO NOTHING`,
        params: [tenant, id, owner],
        expect: 1,
      },
    ], { sync: false });
  }
}
