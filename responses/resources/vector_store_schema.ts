/** Schemas of requests to vector stores. */
import { z } from "zod";
import { metadataSchema } from "../api/metadata.ts";
import { chunkingSchema } from "../search/mod.ts";

/** Schemas of requests to vector stores (API reference, "Vector stores"). Unknown fields are ignored. */

/** Files in one call (API reference, "file_ids"). */
const FILES_LIMIT = 500;

const fileId = z.string().min(1, "must be the id of a file");
const fileIds = z.array(fileId).max(FILES_LIMIT, `at most ${FILES_LIMIT} files`);

/** Up to 16 pairs; keys up to 64 characters; strings up to 512 (API reference, "attributes"). */
export const attributesSchema = z.record(
  z.string().max(64, "a key has at most 64 characters"),
  z.union(
    [z.string().max(512, "a value has at most 512 characters"), z.number(), z.boolean()],
    "must be a string of at most 512 characters, a number or a boolean",
  ),
).refine((pairs) => Object.keys(pairs).length <= 16, "at most 16 pairs");

const expirySchema = z.object({
  anchor: z.literal("last_active_at", 'must be "last_active_at"'),
  days: z.number().int("must be a whole number").min(1, "must be at least 1")
    .max(365, "must be at most 365"),
});

export const createSchema = z.object({
  name: z.string().nullish(),
  description: z.string().nullish(),
  file_ids: fileIds.nullish(),
  metadata: metadataSchema.nullish(),
  expires_after: expirySchema.nullish(),
  chunking_strategy: chunkingSchema.nullish(),
});

export const updateSchema = z.object({
  name: z.string().nullish(),
  metadata: metadataSchema.nullish(),
  expires_after: expirySchema.nullish(),
});

export const addFileSchema = z.object({
  file_id: fileId,
  attributes: attributesSchema.nullish(),
  chunking_strategy: chunkingSchema.nullish(),
});

export const updateFileSchema = z.object({ attributes: attributesSchema.nullable() });

export const batchSchema = z.object({
  file_ids: fileIds.min(1, "at least one file").nullish(),
  files: z.array(addFileSchema).min(1, "at least one file")
    .max(FILES_LIMIT, `at most ${FILES_LIMIT} files`).nullish(),
  attributes: attributesSchema.nullish(),
  chunking_strategy: chunkingSchema.nullish(),
}).refine(
  ({ file_ids, files }) =>
    (file_ids ?? undefined) === undefined !== ((files ?? undefined) === undefined),
  {
    path: ["file_ids"],
    message: "either file_ids or files is required",
  },
);

/** A query that is longer says nothing more, and would cost the main thread. */
const query = z.string().min(1, "must not be empty").max(16_384, "at most 16,384 characters");
const resultCount = z.number().int("must be a whole number").min(1, "must be at least 1")
  .max(50, "must be at most 50");

export const searchSchema = z.object({
  query: z.union(
    [query, z.array(query).min(1, "at least one query").max(16, "at most 16 queries")],
    "must be a string of 1 to 16,384 characters, or an array of 1 to 16 of them",
  ),
  max_num_results: resultCount.nullish(),
  /** As other servers call it. */
  top_k: resultCount.nullish(),
  filters: z.unknown().optional(),
  /** The old name. */
  filter: z.unknown().optional(),
  ranking_options: z.unknown().optional(),
  /** Accepted: the query is searched as it is. */
  rewrite_query: z.boolean().nullish(),
});
