/** The `metadata` of objects. */
import { z } from "zod";

/** API reference, "metadata": up to 16 pairs, keys up to 64 characters, values up to 512. */
export const metadataSchema = z.record(
  z.string().max(64, "a key has at most 64 characters"),
  z.string("must be a string").max(512, "a value has at most 512 characters"),
).refine((pairs) => Object.keys(pairs).length <= 16, "at most 16 pairs");
