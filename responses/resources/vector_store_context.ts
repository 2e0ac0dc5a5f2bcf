/** Options and lookups that the resources of vector stores share. */
import { invalidRequest, notFound } from "../api/errors.ts";
import type { VectorStore } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Search } from "../search/mod.ts";
import type { Store } from "../store/store.ts";

/** Options of the vector stores. */
export interface VectorStoresOptions {
  readonly store: Pick<Store, "files" | "vectorStores">;
  readonly search: Search;
  /** Unix seconds. */
  readonly now: () => number;
}

/** Objects on a page when nothing is said (API reference, "limit"). */
export const LIST_LIMIT = 20;

/**
 * Reads a store.
 *
 * @throws {ApiError} 404 when there is none
 */
export async function storeOf(
  { store }: VectorStoresOptions,
  tenant: Tenant,
  id: string,
): Promise<VectorStore> {
  const found = await store.vectorStores.get(tenant, id);
  if (found === undefined) throw notFound("vector_store", id);
  return found;
}

/**
 * Returns a store that can be searched and added to.
 *
 * @throws {ApiError} 400 when it has expired
 */
export function usable(store: VectorStore): VectorStore {
  if (store.status !== "expired") return store;
  throw invalidRequest(`The vector store ${store.id} has expired: make a new one`);
}
