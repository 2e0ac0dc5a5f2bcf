/**
 * The thread that holds the indexes of the vector stores: a search over 100,000 chunks takes milliseconds of a
 * processor, which the streams of the main thread must not wait for.
 */
import type { Attributes } from "../../api/objects.ts";
import { serveWorker } from "../../../service/mod.ts";
import { type Addition, type Found, Indexes } from "./indexes.ts";
import type { IndexSearch } from "./store_index.ts";

let indexes = new Indexes(0);

const methods = {
  /** Called first. */
  open: (limitBytes: number): void => {
    indexes = new Indexes(limitBytes);
  },
  add: (addition: Addition): string[] => indexes.add(addition),
  remove: ({ store, fileIds }: { store: string; fileIds: readonly string[] }): void =>
    indexes.remove(store, fileIds),
  setAttributes: (
    { store, fileId, attributes }: { store: string; fileId: string; attributes: Attributes },
  ): void => indexes.setAttributes(store, fileId, attributes),
  drop: (store: string): void => indexes.drop(store),
  search: ({ stores, search }: { stores: readonly string[]; search: IndexSearch }): Found =>
    indexes.search(stores, search),
  usedBytes: (): number => indexes.usedBytes,
};
export type IndexMethods = typeof methods;

serveWorker(methods);
