/** Indexes files in the background. */
import type { VectorStoreFile } from "../api/objects.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Blobs } from "../blobs/blobs.ts";
import type { Chunk, Store } from "../store/store.ts";
import { messageOf } from "../../service/mod.ts";
import { chunkingOf } from "./chunking_strategy.ts";
import { InvalidFileError, UnsupportedFileError } from "./documents/errors.ts";
import type { DocumentReader } from "./documents/reader.ts";
import type { ReadDocument } from "./documents/worker.ts";
import type { Embedder } from "./embedder.ts";
import { toFixedPoint } from "./index/vectors.ts";

/** Options of an indexer. */
export interface IndexerOptions {
  readonly store: Pick<Store, "files" | "vectorStores">;
  readonly blobs: Pick<Blobs, "get">;
  readonly reader: DocumentReader;
  readonly embedder: () => Promise<Embedder>;
  /** Larger files fail: a file is held in memory while it is read. */
  readonly maxFileBytes: number;
  /** Called when the outcome of a file could not be stored; the next start takes the file up again. */
  readonly onError: (error: unknown) => void;
}

/** Files that are worked on at once: while one waits for the model server, another can be read. */
const AT_ONCE = 2;

/** Interrupted files that are taken over in one go. */
const RESUMED = 100;

interface Job {
  readonly tenant: Tenant;
  readonly file: VectorStoreFile;
  readonly abort: AbortController;
}

/**
 * Adds files to vector stores, in the background and in the order of arrival. The store knows what is in progress,
 * so a file that a crash interrupts is taken up by {@linkcode Indexer.resume}, here or in another process.
 */
export class Indexer implements AsyncDisposable {
  readonly #options: IndexerOptions;
  readonly #waiting: Job[] = [];
  readonly #running = new Map<Job, Promise<void>>();
  #closed = false;

  constructor(options: IndexerOptions) {
    this.#options = options;
  }

  /** Queues files that `putFiles` has stored as `in_progress`; of a file that is worked on already, that work ends. */
  add(tenant: Tenant, files: readonly VectorStoreFile[]): void {
    if (this.#closed) return;
    for (const file of files) {
      this.drop(tenant, file.vector_store_id, [file.id]);
      this.#waiting.push({ tenant, file, abort: new AbortController() });
    }
    this.#next();
  }

  /** Ends the work on files that were cancelled or removed; on all of the vector store when none are named. */
  drop(tenant: Tenant, storeId: string, fileIds?: readonly string[]): void {
    const isMeant = ({ tenant: owner, file }: Job) =>
      owner === tenant && file.vector_store_id === storeId &&
      (fileIds === undefined || fileIds.includes(file.id));
    for (const job of this.#running.keys()) if (isMeant(job)) job.abort.abort(DROPPED);
    const kept = this.#waiting.filter((job) => !isMeant(job));
    this.#waiting.splice(0, Infinity, ...kept);
  }

  /** Resumes what processes that died have left in progress. Resolves with how many files that are. */
  async resume(): Promise<number> {
    let count = 0;
    while (!this.#closed) {
      const found = await this.#options.store.vectorStores.interrupted(RESUMED);
      for (const { tenant, entry } of found) this.add(tenant, [entry]);
      count += found.length;
      if (found.length < RESUMED) break;
    }
    return count;
  }

  /** Resolves when nothing is queued and nothing runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  /** Ends the running work; the files stay `in_progress` and are taken up by the next process. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#waiting.length = 0;
    for (const { abort } of this.#running.keys()) abort.abort(DROPPED);
    await this.idle();
  }

  #next(): void {
    while (this.#running.size < AT_ONCE) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const work = this.#index(job).catch(this.#options.onError).finally(() => {
        this.#running.delete(job);
        this.#next();
      });
      this.#running.set(job, work);
    }
  }

  async #index({ tenant, file, abort: { signal } }: Job): Promise<void> {
    const { vectorStores } = this.#options.store;
    const { vector_store_id: storeId } = file;
    const now = await vectorStores.getFile(tenant, storeId, file.id);
    // Cancelled or removed while it waited.
    if (now?.status !== "in_progress") return;
    try {
      const { chunks, embedder, bytes } = await this.#read(tenant, file, signal);
      signal.throwIfAborted();
      const done = { ...file, status: "completed" as const, usage_bytes: bytes, last_error: null };
      await vectorStores.finishFile(tenant, storeId, done, { chunks, embedder });
    } catch (error) {
      if (signal.aborted) return;
      const last_error = { code: codeOf(error), message: messageOf(error) };
      await vectorStores.finishFile(tenant, storeId, { ...file, status: "failed", last_error });
    }
  }

  async #read(
    tenant: Tenant,
    file: VectorStoreFile,
    signal: AbortSignal,
  ): Promise<{ chunks: Chunk[]; embedder: string; bytes: number }> {
    const { store, reader, blobs, maxFileBytes } = this.#options;
    const embedder = await this.#options.embedder();
    const stored = await store.files.get(tenant, file.id);
    const body = stored && await blobs.get(stored.blob);
    if (stored === undefined || body === undefined) {
      throw new InvalidFileError(`The file ${file.id} is gone`);
    }
    const read = await reader.read({
      bytes: await bytesOf(body, maxFileBytes),
      filename: stored.file.filename,
      chunking: chunkingOf(file),
      hashedDimensions: embedder.hashedDimensions,
    }, signal);
    const vectors = await vectorsOf(read, embedder, signal);
    let bytes = 0;
    const chunks = read.texts.map((text, index): Chunk => {
      const embedding = vectors(index);
      bytes += text.length + embedding.byteLength;
      return { index, start: read.starts[index] ?? 0, text, embedding };
    });
    return { chunks, embedder: embedder.model, bytes };
  }
}

const DROPPED = new Error("the work on the file was ended");

type VectorOf = (index: number) => Int16Array;

async function vectorsOf(
  { texts, vectors }: ReadDocument,
  embedder: Embedder,
  signal: AbortSignal,
): Promise<VectorOf> {
  const { hashedDimensions: dimensions } = embedder;
  if (dimensions > 0) {
    return (index) => vectors.subarray(index * dimensions, (index + 1) * dimensions);
  }
  const embedded = await embedder.embed(texts, signal);
  return (index) => toFixedPoint(embedded[index] ?? []);
}

/** The whole of a stream, which must not be longer than `limit` bytes. */
async function bytesOf(
  body: ReadableStream<Uint8Array>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop ends the stream.
  for await (const part of body) {
    length += part.length;
    if (length > limit) {
      throw new InvalidFileError(`The file is larger than ${limit / 2 ** 20} MiB`);
    }
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function codeOf(error: unknown): "invalid_file" | "unsupported_file" | "server_error" {
  if (error instanceof InvalidFileError) return "invalid_file";
  return error instanceof UnsupportedFileError ? "unsupported_file" : "server_error";
}
