/** Lists that are read page by page, in SQL. */
import type { Page, PageQuery } from "../api/page.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Database, Row, Statement, Value } from "./database.ts";

/** A list that is read page by page: the table it stands in, and the column of the object it belongs to. */
export interface List {
  readonly table: string;
  /** Items of a conversation, files of a vector store; left out where the list belongs to the tenant alone. */
  readonly parent?: string;
  /** Joins to the table, which is called `t`. */
  readonly join?: string;
  /** Columns that are read beside `t.seq`; `t.body` when left out. */
  readonly columns?: string;
}

/** A page of a list. */
export interface ListQuery {
  readonly tenant: Tenant;
  /** The id of the object that the list belongs to. */
  readonly parent?: string;
  readonly page: PageQuery;
  /** Columns of `t` that must have these values. */
  readonly filter?: Readonly<Record<string, string | undefined>>;
}

/** Collects the parameters of a statement; `add` returns the placeholder. */
class Parameters {
  readonly values: Value[] = [];

  add(value: Value): string {
    return `$${this.values.push(value)}`;
  }
}

/**
 * Reads a page. Its order is that of arrival, so two objects of one second are never swapped. A cursor works on after
 * its object was deleted, for as long as the tombstone stands; one that never was gives an empty page.
 */
export async function readPage<T>(
  database: Database,
  list: List,
  query: ListQuery,
  read: (row: Row) => T,
): Promise<Page<T>> {
  const { page } = query;
  const parameters = new Parameters();
  const belongs = ownership(list, query, parameters);
  const conditions = belongs.map((condition) => `t.${condition}`);
  for (const [column, value] of Object.entries(query.filter ?? {})) {
    if (value !== undefined) conditions.push(`t.${column} = ${parameters.add(value)}`);
  }
  const [beyond, within] = page.order === "asc" ? [">", "<"] : ["<", ">"];
  const place = (id: string) => cursor(list, query, belongs, parameters, id);
  if (page.after !== undefined) conditions.push(`t.seq ${beyond} ${place(page.after)}`);
  if (page.before !== undefined) conditions.push(`t.seq ${within} ${place(page.before)}`);
  // What lies directly before a cursor is found by reading towards the list's start.
  const backwards = page.before !== undefined && page.after === undefined;
  const ascending = (page.order === "asc") !== backwards;
  const rows = await database.query(
    `SELECT ${list.columns ?? "t.body"} FROM ${list.table} t ${list.join ?? ""}
     WHERE ${conditions.join(" AND ")}
     ORDER BY t.seq ${ascending ? "ASC" : "DESC"} LIMIT ${parameters.add(page.limit + 1)}`,
    parameters.values,
  );
  const data = rows.slice(0, page.limit).map(read);
  return { data: backwards ? data.reverse() : data, hasMore: rows.length > page.limit };
}

/** How long a cursor outlives its object: a day, in seconds. */
const TOMBSTONE_S = 86_400;

/** The statements that delete one object of a list and leave its tombstone; undone when there is no such object. */
export function removal(
  list: List,
  { tenant, parent, id, now }: { tenant: Tenant; parent?: string; id: string; now: number },
): Statement[] {
  const parameters = new Parameters();
  const key = ownership(list, { tenant, ...(parent === undefined ? {} : { parent }) }, parameters);
  key.push(`id = ${parameters.add(id)}`);
  const where = key.join(" AND ");
  const due = parameters.add(now + TOMBSTONE_S);
  return [
    {
      sql: `INSERT INTO tombstones (list, tenant, parent, id, place, due)
        SELECT '${list.table}', tenant, ${list.parent ?? "''"}, id, seq, CAST(${due} AS BIGINT)
        FROM ${list.table} WHERE ${where}
        ON CONFLICT (list, tenant, parent, id) DO UPDATE SET place = excluded.place, due = excluded.due`,
      params: parameters.values,
      expect: 1,
    },
    {
      sql: `DELETE FROM ${list.table} WHERE ${where}`,
      params: parameters.values.slice(0, -1),
      expect: 1,
    },
  ];
}

function ownership(
  list: List,
  { tenant, parent }: Pick<ListQuery, "tenant" | "parent">,
  parameters: Parameters,
): string[] {
  const conditions = [`tenant = ${parameters.add(tenant)}`];
  if (list.parent !== undefined) {
    if (parent === undefined) {
      throw new TypeError(`Cannot read ${list.table}: its parent is missing`);
    }
    conditions.push(`${list.parent} = ${parameters.add(parent)}`);
  }
  return conditions;
}

function cursor(
  list: List,
  { tenant, parent }: ListQuery,
  belongs: readonly string[],
  parameters: Parameters,
  id: string,
): string {
  const wanted = parameters.add(id);
  return `COALESCE(
    (SELECT seq FROM ${list.table} WHERE ${belongs.join(" AND ")} AND id = ${wanted}),
    (SELECT place FROM tombstones WHERE list = '${list.table}' AND tenant = ${
    parameters.add(tenant)
  } AND parent = ${
    parameters.add(list.parent === undefined ? "" : parent ?? "")
  } AND id = ${wanted}))`;
}

/** The object in a row's `body`. */
export function bodyOf<T>(row: Row): T {
  return JSON.parse(String(row["body"])) as T;
}

/** The first row's object, or undefined. */
export function firstBody<T>(rows: readonly Row[]): T | undefined {
  return rows[0] === undefined ? undefined : bodyOf<T>(rows[0]);
}
