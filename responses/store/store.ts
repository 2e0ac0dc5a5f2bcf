/** The contract of the store. */
import type {
  Attributes,
  Connector,
  Conversation,
  ConversationItem,
  FileObject,
  FilePurpose,
  Item,
  Prompt,
  ResponseObject,
  VectorStore,
  VectorStoreFile,
  VectorStoreFileBatch,
} from "../api/objects.ts";
import type { Page, PageQuery } from "../api/page.ts";
import type { Tenant } from "../api/tenant.ts";

/**
 * Everything that the gateway keeps, on SQL. Each call is one transaction, and what it resolves to is on disk: a kill
 * right afterwards loses nothing. Every call takes the tenant first; the id of another tenant reads as one that does
 * not exist. `get` resolves to undefined, `delete` and `update` to false, for what is not there.
 */
export interface Store extends AsyncDisposable {
  readonly responses: ResponseStore;
  readonly conversations: ConversationStore;
  readonly prompts: PromptStore;
  readonly connectors: ConnectorStore;
  readonly files: FileStore;
  readonly vectorStores: VectorStoreStore;
  readonly settings: SettingStore;
  /**
   * The final response, and what its conversation (`response.conversation`) gained, in one transaction. False, and
   * nothing is written, when the response is gone or has ended already (cancelled meanwhile, or given up by
   * `recover`). A conversation that was deleted meanwhile gains nothing. It survives a kill of this process, and a
   * moment later one of the machine.
   */
  finish(
    tenant: Tenant,
    response: ResponseObject,
    items: readonly ConversationItem[],
  ): Promise<boolean>;
  /** Adds a response that has ended already, and what `finish` adds, in one transaction; survives as what `finish` adds does. */
  record(
    tenant: Tenant,
    entry: NewResponse,
    items: readonly ConversationItem[],
  ): Promise<void>;
  /**
   * Responses that were left `queued` or `in_progress` by a process that died become `failed`; the files that it was
   * indexing are for `vectorStores.interrupted` to take over. Of several processes on one database only those whose
   * lease ran out count as dead. Resolves with how many responses it failed.
   */
  recover(): Promise<number>;
  /** Drops what is kept for a while only: cursors of deleted objects, processes that are long gone. */
  tidy(): Promise<void>;
}

/** A response with the input items that it was made from. */
export interface StoredResponse {
  readonly response: ResponseObject;
  readonly input: readonly Item[];
}

/** A response that is added; `conversation` is created with it. */
export interface NewResponse extends StoredResponse {
  readonly conversation?: Conversation;
}

export interface ResponseStore {
  /**
   * Adds a response, in one transaction. While its status is `queued` or `in_progress` this process holds a lease on
   * it, and renews it by itself. With `sync: false` it survives a kill of this process, but perhaps not of the machine,
   * until something else is written.
   */
  insert(
    tenant: Tenant,
    entry: NewResponse,
    options?: { readonly sync?: boolean },
  ): Promise<void>;
  /** Replaces a response that has not ended yet. False when it is gone or has ended: stop working on it. */
  update(tenant: Tenant, response: ResponseObject): Promise<boolean>;
  get(tenant: Tenant, id: string): Promise<StoredResponse | undefined>;
  /** The response and those that it follows, oldest first; empty when there is no such response. It ends where one is gone. */
  chain(tenant: Tenant, id: string): Promise<StoredResponse[]>;
  delete(tenant: Tenant, id: string): Promise<boolean>;
  list(
    tenant: Tenant,
    page: PageQuery,
    filter?: { readonly model?: string },
  ): Promise<Page<ResponseObject>>;
  /** Undefined when there is no such response. */
  inputItems(tenant: Tenant, id: string, page: PageQuery): Promise<Page<Item> | undefined>;
}

export interface ConversationStore {
  create(
    tenant: Tenant,
    conversation: Conversation,
    items?: readonly ConversationItem[],
  ): Promise<void>;
  get(tenant: Tenant, id: string): Promise<Conversation | undefined>;
  /** Replaces the metadata. */
  update(tenant: Tenant, conversation: Conversation): Promise<boolean>;
  /** Its items go with it; responses keep naming it. */
  delete(tenant: Tenant, id: string): Promise<boolean>;
  list(tenant: Tenant, page: PageQuery): Promise<Page<Conversation>>;
  /** Adds items at the end, in their order. False when there is no such conversation. */
  append(tenant: Tenant, id: string, items: readonly ConversationItem[]): Promise<boolean>;
  /** Undefined when there is no such conversation. */
  items(tenant: Tenant, id: string, page: PageQuery): Promise<Page<ConversationItem> | undefined>;
  /** Every item, oldest first: the history that goes to the model. Undefined when there is no such conversation. */
  history(tenant: Tenant, id: string): Promise<ConversationItem[] | undefined>;
  getItem(tenant: Tenant, id: string, itemId: string): Promise<ConversationItem | undefined>;
  /** An item of any conversation: of several that have one of this id, the latest. */
  findItem(tenant: Tenant, itemId: string): Promise<ConversationItem | undefined>;
  deleteItem(tenant: Tenant, id: string, itemId: string): Promise<boolean>;
  /** Until it is disposed, nobody else can claim the conversation; undefined while somebody else has it. */
  claim(tenant: Tenant, id: string): Promise<AsyncDisposable | undefined>;
}

/** Settings that are set once, for all processes. */
export interface SettingStore {
  /** Its value; the first one that asks makes it. */
  fixed(name: string, make: () => string): Promise<string>;
}

export interface PromptStore {
  /** Adds version 1. */
  create(tenant: Tenant, prompt: Prompt): Promise<void>;
  /** The default version, or `version`. */
  get(tenant: Tenant, id: string, version?: number): Promise<Prompt | undefined>;
  /**
   * Adds `prompt.version`, and makes it the default when it says so. False when the latest version is no longer the
   * one before it: somebody else was faster.
   */
  addVersion(tenant: Tenant, prompt: Prompt): Promise<boolean>;
  /** False when there is no such version. */
  setDefault(tenant: Tenant, id: string, version: number): Promise<boolean>;
  /** The default version of each prompt. */
  list(tenant: Tenant, page: PageQuery): Promise<Page<Prompt>>;
  /** Ascending; empty when there is no such prompt. */
  versions(tenant: Tenant, id: string): Promise<Prompt[]>;
  /** All versions. */
  delete(tenant: Tenant, id: string): Promise<boolean>;
}

export interface ConnectorStore {
  /** Adds it, or replaces the one with the same id. */
  put(tenant: Tenant, connector: Connector): Promise<void>;
  get(tenant: Tenant, id: string): Promise<Connector | undefined>;
  delete(tenant: Tenant, id: string): Promise<boolean>;
  list(tenant: Tenant, page: PageQuery): Promise<Page<Connector>>;
}

/** A file and where its bytes lie in the blob store. */
export interface StoredFile {
  readonly file: FileObject;
  readonly blob: string;
}

/** An object and whose it is, for work that goes across tenants. */
export interface Owned<T> {
  readonly tenant: Tenant;
  readonly entry: T;
}

export interface FileStore {
  /**
   * Notes that a blob is about to be written. Until `create` takes it, or when the file is deleted, it is garbage that
   * `garbage` returns once `due` (Unix seconds) has passed: no crash leaves bytes behind that nothing names.
   */
  reserve(blob: string, due: number): Promise<void>;
  /** False when its reservation has run out: the bytes may be gone already. */
  create(tenant: Tenant, entry: StoredFile): Promise<boolean>;
  get(tenant: Tenant, id: string): Promise<StoredFile | undefined>;
  /** Its blob becomes garbage, and it leaves the vector stores. */
  delete(tenant: Tenant, id: string): Promise<boolean>;
  list(
    tenant: Tenant,
    page: PageQuery,
    filter?: { readonly purpose?: FilePurpose },
  ): Promise<Page<FileObject>>;
  /** Files of all tenants whose `expires_at` is not after `now` (Unix seconds), at most `limit`. */
  expired(now: number, limit: number): Promise<Owned<FileObject>[]>;
  /** Blobs that nothing names any more. */
  garbage(now: number, limit: number): Promise<string[]>;
  /** Forgets a blob that was removed from the blob store. */
  forget(blob: string): Promise<void>;
}

/** A piece of a file's text with its embedding. */
export interface Chunk {
  /** From 0, in the file's order. */
  readonly index: number;
  /** Where it starts in the file's text, in UTF-16 units: chunks overlap. */
  readonly start: number;
  readonly text: string;
  /** A unit vector in 16-bit fixed point, as the index has it. */
  readonly embedding: Int16Array;
}

/** A completed file of a vector store, as an index needs it. */
export interface IndexedFile {
  readonly fileId: string;
  /** Changes with its chunks. */
  readonly revision: number;
  readonly attributes: Attributes;
  /** The model that its chunks were embedded by. */
  readonly embedder: string;
}

/** Names a chunk. */
export interface ChunkId {
  readonly storeId: string;
  readonly fileId: string;
  readonly index: number;
}

/** `file_counts`, `usage_bytes` and `status` of what is read are computed from the files; what is written of them is not kept. */
export interface VectorStoreStore {
  /** Adds a store with its first files: all of it, or nothing. */
  create(tenant: Tenant, store: VectorStore, files?: readonly VectorStoreFile[]): Promise<void>;
  get(tenant: Tenant, id: string): Promise<VectorStore | undefined>;
  update(tenant: Tenant, store: VectorStore): Promise<boolean>;
  /** Its files, batches and chunks go with it. */
  delete(tenant: Tenant, id: string): Promise<boolean>;
  list(tenant: Tenant, page: PageQuery): Promise<Page<VectorStore>>;
  /** Stores of all tenants whose `expires_at` is not after `now` (Unix seconds) and that are not marked so yet. */
  expired(now: number, limit: number): Promise<Owned<VectorStore>[]>;
  /** Marks it `expired` and drops its chunks. False when it was used meanwhile. */
  expire(tenant: Tenant, id: string): Promise<boolean>;
  /** Stores of all tenants that hold files and have not expired, the one that was used last first. */
  recent(limit: number): Promise<Owned<VectorStore>[]>;
  /** It was used now: `last_active_at`, and `expires_at` with it. */
  touch(tenant: Tenant, id: string): Promise<boolean>;

  /** Adds files, or starts them anew when they are there; with `batch` they belong to it. False when there is no such store. */
  putFiles(
    tenant: Tenant,
    storeId: string,
    files: readonly VectorStoreFile[],
    batch?: VectorStoreFileBatch,
  ): Promise<boolean>;
  getFile(tenant: Tenant, storeId: string, fileId: string): Promise<VectorStoreFile | undefined>;
  setAttributes(
    tenant: Tenant,
    storeId: string,
    fileId: string,
    attributes: Attributes | null,
  ): Promise<boolean>;
  /**
   * The final state of a file and its chunks, in one transaction; its attributes stay as they are. False when it was
   * removed or cancelled meanwhile.
   */
  finishFile(
    tenant: Tenant,
    storeId: string,
    file: VectorStoreFile,
    indexed?: { readonly chunks: readonly Chunk[]; readonly embedder: string },
  ): Promise<boolean>;
  deleteFile(tenant: Tenant, storeId: string, fileId: string): Promise<boolean>;
  /** Undefined when there is no such store (or batch). */
  listFiles(
    tenant: Tenant,
    storeId: string,
    page: PageQuery,
    filter?: { readonly status?: VectorStoreFile["status"]; readonly batchId?: string },
  ): Promise<Page<VectorStoreFile> | undefined>;
  /** Files of all tenants that were left `in_progress` by a process that died: to be indexed again. They are leased to this process. */
  interrupted(limit: number): Promise<Owned<VectorStoreFile>[]>;

  getBatch(
    tenant: Tenant,
    storeId: string,
    batchId: string,
  ): Promise<VectorStoreFileBatch | undefined>;
  /** Its files that are still `in_progress` become `cancelled`. */
  cancelBatch(tenant: Tenant, storeId: string, batchId: string): Promise<boolean>;

  /** Changes whenever a completed file comes, goes or changes, so that an index can be seen to be stale. */
  revision(tenant: Tenant, storeId: string): Promise<number | undefined>;
  /** The completed files. */
  indexedFiles(tenant: Tenant, storeId: string): Promise<IndexedFile[]>;
  /** A file's chunks from number `first` on, at most `limit`, in order. */
  fileChunks(
    tenant: Tenant,
    storeId: string,
    fileId: string,
    first: number,
    limit: number,
  ): Promise<Chunk[]>;
  /** The texts of some chunks, in the order of `ids`; undefined for those that are gone. */
  chunkTexts(tenant: Tenant, ids: readonly ChunkId[]): Promise<(string | undefined)[]>;
}
