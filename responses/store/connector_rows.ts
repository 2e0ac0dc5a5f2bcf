/** Connectors, as rows. */
import type { Connector } from "../api/objects.ts";
import type { Database } from "./database.ts";
import { bodyOf, firstBody, type List, readPage, removal } from "./lists.ts";
import type { ConnectorStore } from "./store.ts";

const CONNECTORS: List = { table: "connectors" };

export function connectorRows(database: Database, { now }: { now: () => number }): ConnectorStore {
  return {
    async put(tenant, connector) {
      // Deleted first, so that the one that was registered last comes first in the list.
      await database.transaction([
        {
          sql: `DELETE FROM connectors WHERE tenant = $1 AND id = $2`,
          params: [tenant, connector.connector_id],
        },
        {
          sql: `INSERT INTO connectors (tenant, id, body) VALUES ($1, $2, $3)`,
          params: [tenant, connector.connector_id, JSON.stringify(connector)],
        },
      ]);
    },
    async get(tenant, id) {
      return firstBody(
        await database.query(
          `SELECT body FROM connectors WHERE tenant = $1 AND id = $2`,
          [tenant, id],
        ),
      );
    },
    delete: (tenant, id) => database.transaction(removal(CONNECTORS, { tenant, id, now: now() })),
    list: (tenant, page) => readPage(database, CONNECTORS, { tenant, page }, bodyOf<Connector>),
  };
}
