/**
 * Search in the files of vector stores: reads documents, cuts them into chunks, embeds these, and finds them again by
 * likeness and by words. Everything that takes a processor's time runs on other threads.
 *
 * ```ts
 * async function find(options: SearchOptions, query: string) {
 *   await using search = await startSearch(options);
 *   return await search.search("acme", { vectorStoreIds: ["vs_1"], query: [query], maxResults: 10 });
 * }
 * ```
 *
 * @module
 */
export { chunkingSchema, type ChunkingStrategy, staticChunking } from "./chunking_strategy.ts";
export { joinChunks } from "./documents/chunking.ts";
export { type EmbeddingBackend } from "./embedder.ts";
export { hashedEmbedding } from "./hashed_embedding.ts";
export { toFixedPoint } from "./index/vectors.ts";
export { type Search, type SearchOptions, startSearch } from "./search.ts";
export { type SearchHit, type SearchRequest, type VectorSearch } from "./vector_search.ts";
