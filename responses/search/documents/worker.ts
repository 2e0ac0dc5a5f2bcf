/**
 * The thread that reads documents: a PDF of a thousand pages takes seconds of a processor, and a broken one may take
 * for ever; then the thread is ended.
 */
import { giveAway, serveWorker } from "../../../service/mod.ts";
import { hashedEmbedding } from "../hashed_embedding.ts";
import { toFixedPoint } from "../index/vectors.ts";
import { type Chunking, chunksOf } from "./chunking.ts";
import { InvalidFileError } from "./errors.ts";
import { textOf } from "./text.ts";

/** A file to be read. */
export interface DocumentQuestion {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly filename: string;
  readonly chunking: Chunking;
  /** Dimensions of the embeddings that are made without a model; 0 makes none. */
  readonly hashedDimensions: number;
}

/** A file's chunks, in order. */
export interface ReadDocument {
  /** Where each chunk starts in the file's text, in UTF-16 units. */
  readonly starts: readonly number[];
  readonly texts: readonly string[];
  /** A row a chunk, in fixed point; empty when none were asked for. */
  readonly vectors: Int16Array<ArrayBuffer>;
}

const methods = {
  async read(question: DocumentQuestion): Promise<ReadDocument> {
    const { bytes, filename, chunking, hashedDimensions } = question;
    const text = await textOf(bytes, filename);
    const ranges = chunkRanges(text, chunking);
    const texts = ranges.map(({ start, end }) => text.slice(start, end));
    const vectors = new Int16Array(texts.length * hashedDimensions);
    if (hashedDimensions > 0) {
      for (const [at, chunk] of texts.entries()) {
        vectors.set(toFixedPoint(hashedEmbedding(chunk, hashedDimensions)), at * hashedDimensions);
      }
    }
    const starts = ranges.map(({ start }) => start);
    return giveAway({ starts, texts, vectors }, [vectors.buffer]);
  },
};
export type DocumentMethods = typeof methods;

function chunkRanges(text: string, chunking: Chunking) {
  try {
    return chunksOf(text, chunking);
  } catch (error) {
    throw error instanceof RangeError ? new InvalidFileError(error.message) : error;
  }
}

serveWorker(methods);
