/** The API's chunking strategies. */
import { z } from "zod";
import { AUTO_CHUNKING, CHUNK_TOKENS, type Chunking } from "./documents/chunking.ts";

const staticSchema = z.object({
  max_chunk_size_tokens: z.number().int("must be a whole number")
    .min(CHUNK_TOKENS.min, `must be at least ${CHUNK_TOKENS.min}`)
    .max(CHUNK_TOKENS.max, `must be at most ${CHUNK_TOKENS.max}`),
  chunk_overlap_tokens: z.number().int("must be a whole number").min(0, "must be at least 0"),
}).refine(
  ({ max_chunk_size_tokens, chunk_overlap_tokens }) =>
    2 * chunk_overlap_tokens <= max_chunk_size_tokens,
  { path: ["chunk_overlap_tokens"], message: "must be at most half of max_chunk_size_tokens" },
);

/** How a file is to be cut (API reference, "chunking_strategy"). */
export const chunkingSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("auto") }),
  z.object({ type: z.literal("static"), static: staticSchema }),
]);

/** A chunking strategy as it was asked for. */
export type ChunkingStrategy = z.infer<typeof chunkingSchema>;

/** A chunking strategy as it is answered and stored: `auto` spelt out. */
export type StaticChunking = Extract<ChunkingStrategy, { type: "static" }>;

/** Spells out what was asked for. */
export function staticChunking(strategy: ChunkingStrategy | null | undefined): StaticChunking {
  if (strategy?.type === "static") return strategy;
  return {
    type: "static",
    static: {
      max_chunk_size_tokens: AUTO_CHUNKING.maxTokens,
      chunk_overlap_tokens: AUTO_CHUNKING.overlapTokens,
    },
  };
}

/** How a stored file is cut. */
export function chunkingOf(file: { readonly [field: string]: unknown }): Chunking {
  const { data } = chunkingSchema.safeParse(file["chunking_strategy"]);
  const { static: tokens } = staticChunking(data);
  return { maxTokens: tokens.max_chunk_size_tokens, overlapTokens: tokens.chunk_overlap_tokens };
}
