/** Opens store and blobs as a configuration names them. */
import { join } from "node:path";
import { type Log, messageOf } from "../service/mod.ts";
import type { Blobs } from "./blobs/blobs.ts";
import { openDisk } from "./blobs/disk.ts";
import { openS3 } from "./blobs/s3.ts";
import type { ResponsesConfig } from "./config.ts";
import type { Secrets } from "./secrets.ts";
import type { Database } from "./store/database.ts";
import { openPostgres } from "./store/postgres.ts";
import { openStore } from "./store/sql_store.ts";
import { openSqlite } from "./store/sqlite.ts";
import type { Store } from "./store/store.ts";
import { startUpkeep } from "./upkeep.ts";

/** The gateway's storage: objects in the store, bytes in the blob store. Disposing it ends its upkeep first. */
export interface Storage extends AsyncDisposable {
  readonly store: Store;
  readonly blobs: Blobs;
}

/** Options of `openStorage`. */
export interface StorageOptions {
  readonly config: Pick<ResponsesConfig, "store" | "files">;
  /** Folder of what the configuration gives no place to. */
  readonly dataDir: string;
  readonly secrets: Secrets;
  /** Unix seconds. */
  readonly now: () => number;
  readonly log: Log;
}

/**
 * Opens what the configuration names, in the data folder what it does not, gives up what a dead process left behind,
 * and starts the upkeep.
 *
 * @throws {UnavailableError} when one of them cannot be opened
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { now, log } = options;
  await using stack = new AsyncDisposableStack();
  const onError = (error: unknown) => log(`The store is in trouble: ${messageOf(error)}`);
  const store = stack.use(await openStore(await openDatabase(options), { now, onError }));
  const blobs = stack.use(await openBlobs(options));
  const recovered = await store.recover();
  if (recovered > 0) log(`${recovered} responses were cut off by the last end, and are failed now`);
  stack.use(startUpkeep({ store, blobs, now, onError }));
  const owned = stack.move();
  return { store, blobs, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openDatabase({ config, dataDir, secrets }: StorageOptions): Promise<Database> {
  const url = secrets.postgresUrl ?? config.store.postgres;
  if (url !== undefined) return await openPostgres({ url });
  return await openSqlite({ path: config.store.sqlite ?? join(dataDir, "store.sqlite") });
}

async function openBlobs({ config: { files }, dataDir, secrets }: StorageOptions): Promise<Blobs> {
  if (files.s3 === undefined) return await openDisk(files.directory ?? join(dataDir, "files"));
  const { bucket, region, endpoint, prefix } = files.s3;
  return await openS3({
    bucket,
    region,
    prefix,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...secrets.s3 ?? { accessKeyId: "", secretAccessKey: "" },
  });
}
