/** Responses, as rows. */
import type { ConversationItem, ResponseObject } from "../api/objects.ts";
import { pageOf } from "../api/page.ts";
import type { Tenant } from "../api/tenant.ts";
import { appended, firstItems, inserted } from "./conversation_rows.ts";
import type { Database, Row, Statement } from "./database.ts";
import { bodyOf, type List, readPage, removal } from "./lists.ts";
import type { NewResponse, ResponseStore, StoredResponse } from "./store.ts";

const RESPONSES: List = { table: "responses" };

/** The statuses in which a response still changes. */
export const RUNNING = `('queued', 'in_progress')`;

/** `owner` is the process that works on what it inserts. */
export function responseRows(
  database: Database,
  { owner, now }: { owner: string; now: () => number },
): ResponseStore {
  const get = async (tenant: Tenant, id: string): Promise<StoredResponse | undefined> => {
    const [row] = await database.query(
      `SELECT body, input FROM responses WHERE tenant = $1 AND id = $2`,
      [tenant, id],
    );
    if (row === undefined) return undefined;
    return storedIn(row);
  };
  return {
    async insert(tenant, entry, options) {
      await database.transaction(adding(tenant, entry, owner), options);
    },
    update: (tenant, response) => database.transaction([replaced(tenant, response, owner)]),
    get,
    async chain(tenant, id) {
      const rows = await database.query(
        `WITH RECURSIVE chain (depth, id, previous) AS (
           SELECT 0, id, previous FROM responses WHERE tenant = $1 AND id = $2
           UNION ALL
           SELECT chain.depth + 1, turn.id, turn.previous FROM chain
           JOIN responses turn ON turn.tenant = $1 AND turn.id = chain.previous)
         SELECT turn.body, turn.input FROM chain
         JOIN responses turn ON turn.tenant = $1 AND turn.id = chain.id ORDER BY chain.depth DESC`,
        [tenant, id],
      );
      return rows.map(storedIn);
    },
    delete: (tenant, id) => database.transaction(removal(RESPONSES, { tenant, id, now: now() })),
    list: (tenant, page, { model } = {}) =>
      readPage(database, RESPONSES, { tenant, page, filter: { model } }, bodyOf<ResponseObject>),
    async inputItems(tenant, id, page) {
      const stored = await get(tenant, id);
      return stored && pageOf(stored.input, page, (item) => item.id ?? "");
    },
  };
}

function storedIn(row: Row): StoredResponse {
  return { response: bodyOf(row), input: JSON.parse(String(row["input"])) };
}

/** The transaction of `ResponseStore.insert`. */
function adding(
  tenant: Tenant,
  { response, input, conversation }: NewResponse,
  owner: string,
): Statement[] {
  return [
    ...(conversation === undefined ? [] : [inserted(tenant, conversation)]),
    {
      sql: `INSERT INTO responses (tenant, id, model, status, owner, body, input, previous)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      params: [
        tenant,
        response.id,
        response.model,
        response.status,
        isRunning(response) ? owner : null,
        JSON.stringify(response),
        JSON.stringify(input),
        (response["previous_response_id"] as string | null | undefined) ?? null,
      ],
    },
  ];
}

/** The transaction of `Store.record`. */
export function recording(
  tenant: Tenant,
  entry: NewResponse,
  items: readonly ConversationItem[],
  owner: string,
): Statement[] {
  const { conversation } = entry.response;
  if (!conversation) return adding(tenant, entry, owner);
  // Nobody else can append to a conversation that is made here: it need not be held.
  const add = entry.conversation === undefined ? appended : firstItems;
  return [...adding(tenant, entry, owner), ...add(tenant, conversation, items)];
}

/** The transaction of `Store.finish`. */
export function finishing(
  tenant: Tenant,
  response: ResponseObject,
  items: readonly ConversationItem[],
  owner: string,
): Statement[] {
  const { conversation } = response;
  const gained = conversation ? appended(tenant, conversation, items) : [];
  return [replaced(tenant, response, owner), ...gained];
}

function replaced(tenant: Tenant, response: ResponseObject, owner: string): Statement {
  return {
    sql: `UPDATE responses SET body = $3, status = $4, owner = $5, model = $6
      WHERE tenant = $1 AND id = $2 AND status IN ${RUNNING}`,
    params: [
      tenant,
      response.id,
      JSON.stringify(response),
      response.status,
      isRunning(response) ? owner : null,
      response.model,
    ],
    expect: 1,
  };
}

function isRunning({ status }: ResponseObject): boolean {
  return status === "queued" || status === "in_progress";
}
