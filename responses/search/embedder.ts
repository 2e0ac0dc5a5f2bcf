/** Turns texts into vectors by a model server, or by hashes. */
import { noModelList, oddEmbeddings } from "./errors.ts";
import { HASHED_DIMENSIONS, hashedEmbedding } from "./hashed_embedding.ts";

/** Turns texts into vectors. */
export interface Embedder {
  /** Which model it is: vectors of another one cannot be compared with its own. */
  readonly model: string;
  /** Dimensions of vectors that the document thread can make by itself, without a model; 0 for a model's. */
  readonly hashedDimensions: number;
  /** One vector a text, in their order. Rejects when the model fails; nothing is tried again. */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
}

/** The part of the model server that is used. */
export interface EmbeddingBackend {
  embed(model: string, texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]>;
  state(): Promise<{
    readonly reachable: boolean;
    readonly models: readonly string[];
    readonly error?: string;
  }>;
}

/** Texts in one request: OpenAI takes 2,048 and 300,000 tokens in all (API reference, "Create embeddings"). */
const BATCH_TEXTS = 64;

/** Characters in one request: 64 chunks of 800 tokens fit. */
const BATCH_CHARACTERS = 400_000;

/** The embedder that needs no model: see {@linkcode hashedEmbedding}. */
export function hashedEmbedder(dimensions: number = HASHED_DIMENSIONS): Embedder {
  return {
    model: `hashed-${dimensions}`,
    hashedDimensions: dimensions,
    embed: (texts) => Promise.resolve(texts.map((text) => hashedEmbedding(text, dimensions))),
  };
}

/** The embedder over a model of the server's `/v1/embeddings`, in batches, one after the other. */
export function backendEmbedder(backend: EmbeddingBackend, model: string): Embedder {
  return {
    model,
    hashedDimensions: 0,
    async embed(texts, signal) {
      const vectors: Float32Array[] = [];
      for (const batch of batches(texts)) {
        signal?.throwIfAborted();
        const answer = await backend.embed(model, batch, signal);
        const dimensions = vectors[0]?.length ?? answer[0]?.length ?? 0;
        const wrong = answer.length !== batch.length || dimensions === 0 ||
          answer.some((vector) => vector.length !== dimensions);
        if (wrong) {
          throw oddEmbeddings(model, answer.length, batch.length);
        }
        vectors.push(...answer);
      }
      return vectors;
    },
  };
}

/** Which embedding model to take, out of those that the server lists. */
const PREFERRED = ["text-embedding-3-small", "text-embedding-3-large"];
/** A server that is there, but has no list of models. */
const NO_LIST = /^status (404|405|501)$/;

const EMBEDDING_MODEL = /embed|bge|gte-|e5-|minilm/i;

/**
 * Finds the embedder: `model` of the server when it is named, `"none"` for the one without a model. When it is left
 * out, the first embedding model (by its name) that the server lists at the first use, and none when there is none. A
 * server that cannot be reached rejects, and is asked again the next time: the choice must not hang on an accident.
 */
export function embedderOf(
  backend: EmbeddingBackend,
  options: { readonly model?: string | undefined; readonly dimensions?: number | undefined },
): () => Promise<Embedder> {
  const { model, dimensions } = options;
  if (model === "none") {
    const embedder = hashedEmbedder(dimensions);
    return () => Promise.resolve(embedder);
  }
  if (model !== undefined) {
    const embedder = backendEmbedder(backend, model);
    return () => Promise.resolve(embedder);
  }
  let found: Promise<Embedder> | undefined;
  const find = async () => {
    const { reachable, models, error } = await backend.state();
    if (!reachable && !NO_LIST.test(error ?? "")) {
      throw noModelList(error ?? "no reason given");
    }
    const listed = PREFERRED.find((name) => models.includes(name)) ??
      models.find((name) => EMBEDDING_MODEL.test(name));
    return listed === undefined ? hashedEmbedder(dimensions) : backendEmbedder(backend, listed);
  };
  return () => {
    found ??= find().catch((error) => {
      found = undefined;
      throw error;
    });
    return found;
  };
}

function* batches(texts: readonly string[]): Generator<string[]> {
  let batch: string[] = [];
  let characters = 0;
  for (const text of texts) {
    if (batch.length === BATCH_TEXTS || characters + text.length > BATCH_CHARACTERS) {
      if (batch.length > 0) yield batch;
      batch = [];
      characters = 0;
    }
    // An empty text is refused by servers.
    batch.push(text.trim() === "" ? " " : text);
    characters += text.length;
  }
  if (batch.length > 0) yield batch;
}
