/** Helpers of the tests of a store. */
import assert from "node:assert/strict";
import type { Page, PageQuery } from "../../api/page.ts";
import type { Database } from "../../store/database.ts";
import { openStore, type SqlStore } from "../../store/sql_store.ts";

/** A clock that only moves when it is told to. */
export interface TestClock {
  now: number;
}

/** One test, on a new, empty store. */
export interface StoreTest {
  readonly name: string;
  readonly run: (store: SqlStore, clock: TestClock) => Promise<void>;
}

export const NEWEST: PageQuery = { limit: 50, order: "desc" };
export const OLDEST: PageQuery = { limit: 50, order: "asc" };

/** Opens a store whose clock is the test's. */
export async function openTestStore(database: Database, clock: TestClock): Promise<SqlStore> {
  return await openStore(database, {
    now: () => clock.now,
    onError: (error) => {
      throw error;
    },
  });
}

export function idsOf(page: Page<{ readonly id?: string }> | undefined): (string | undefined)[] {
  assert.ok(page !== undefined);
  return page.data.map(({ id }) => id);
}
