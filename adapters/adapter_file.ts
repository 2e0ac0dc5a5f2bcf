/** The adapter's file: which of the provider's models a name means. docs/dialects.md explains each word. */
import { z } from "zod";
import type { DataFileKind } from "../data_files/mod.ts";
import { PROVIDERS } from "./providers.ts";

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  error: "Expected the name of an environment variable",
});

/** A whole adapter file. */
export const adapterSchema = z.strictObject({
  version: z.literal(1, { error: "Expected 1" }),
  provider: z.enum(PROVIDERS, { error: `Expected one of ${PROVIDERS.join(", ")}` }).optional(),
  base_url: z.url({ protocol: /^https?$/, error: "Expected an http or https URL" }).optional(),
  region: z.string().min(1).optional(),
  key_env: variable.optional(),
  /** Name that clients use → the provider's; `"*"` for every other one, which is refused when it is missing. */
  models: z.record(z.string().min(1), z.string().min(1)).default({}),
});

/** A checked adapter file. */
export type AdapterFile = z.output<typeof adapterSchema>;

/** The file as the one reader of such files knows it. */
export const ADAPTER_FILE: DataFileKind<typeof adapterSchema> = {
  what: "adapter settings",
  name: "adapter.yaml",
  schema: adapterSchema,
  docs: "docs/dialects.md",
};
