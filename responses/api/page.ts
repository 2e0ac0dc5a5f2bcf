/** Which part of a list is wanted. `after` and `before` are ids of the list's own objects. */
export interface PageQuery {
  readonly after?: string;
  readonly before?: string;
  /** 1 to 100. */
  readonly limit: number;
  /** By time of creation; `desc` is newest first. */
  readonly order: "asc" | "desc";
}

/** One page, in the order that was asked for. */
export interface Page<T> {
  readonly data: readonly T[];
  /** Whether there is more in the direction of reading. */
  readonly hasMore: boolean;
}

/** The most objects on one page (API reference, "limit"). */
export const MAX_LIMIT = 100;

/** The objects on a page when nothing is said; some resources have a smaller one. */
export const DEFAULT_LIMIT = 50;

/**
 * Reads `after`, `before`, `limit` and `order` of a list's address. A limit outside of 1 to 100, or one that is no
 * number, falls back to the default; so does an unknown order, to `desc`.
 */
export function pageQuery(
  params: URLSearchParams,
  defaults: { limit?: number; order?: "asc" | "desc" } = {},
): PageQuery {
  const fallback = defaults.limit ?? DEFAULT_LIMIT;
  const limit = Number(params.get("limit") ?? fallback);
  const usable = Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT;
  const order = params.get("order");
  const after = params.get("after");
  const before = params.get("before");
  return {
    ...(after ? { after } : {}),
    ...(before ? { before } : {}),
    limit: usable ? limit : fallback,
    order: order === "asc" || order === "desc" ? order : defaults.order ?? "desc",
  };
}

/** A list as it is answered; the ids are null when it is empty. */
export interface ListBody<T> {
  readonly object: "list";
  readonly data: readonly T[];
  readonly first_id: string | null;
  readonly last_id: string | null;
  readonly has_more: boolean;
}

/** Returns a page as the API answers it. `idOf` is needed where the id has another name than `id`. */
export function listBody<T>(
  page: Page<T>,
  idOf: (entry: T) => string = (entry) => (entry as { id: string }).id,
): ListBody<T> {
  const first = page.data[0];
  const last = page.data.at(-1);
  return {
    object: "list",
    data: page.data,
    first_id: first === undefined ? null : idOf(first),
    last_id: last === undefined ? null : idOf(last),
    has_more: page.hasMore,
  };
}

/** Cuts a page out of a whole list that stands in ascending order. An unknown cursor gives an empty page. */
export function pageOf<T>(
  ascending: readonly T[],
  page: PageQuery,
  idOf: (entry: T) => string,
): Page<T> {
  let rest = page.order === "asc" ? ascending : ascending.toReversed();
  if (page.after !== undefined) {
    const at = rest.findIndex((entry) => idOf(entry) === page.after);
    rest = at < 0 ? [] : rest.slice(at + 1);
  }
  if (page.before !== undefined) {
    const at = rest.findIndex((entry) => idOf(entry) === page.before);
    rest = at < 0 ? [] : rest.slice(0, at);
    // What lies directly before the cursor is wanted, not the list's start.
    if (page.after === undefined && rest.length > page.limit) {
      return { data: rest.slice(-page.limit), hasMore: true };
    }
  }
  return { data: rest.slice(0, page.limit), hasMore: rest.length > page.limit };
}
