/** A kind of file that a person writes: what it is called, and what it must look like. */
import type { z } from "zod";

/** Something that is wrong in a file, and the way to it from the root. */
export interface Finding {
  readonly path: readonly PropertyKey[];
  /** Begins with what was expected: `Expected a status from 200 to 599`. */
  readonly message: string;
}

/** A kind of file. A plain object, so that it costs nothing to have one. */
export interface DataFileKind<Schema extends z.ZodType> {
  /** How errors call its content, in the plural: `rules`. */
  readonly what: string;
  /** How its JSON Schema is called: the usual name of such a file, `routes.json`. */
  readonly name: string;
  readonly schema: Schema;
  /** The page that lists the keys, for an error about one that is none: `docs/policy.md`. */
  readonly docs?: string;
  /** Checks what a schema cannot say, such as names that are used twice. Called only when the schema is satisfied. */
  check?(value: z.output<Schema>): readonly Finding[];
  /** Changes what was written before it is looked at: an empty file into an empty mapping, say. */
  prepare?(written: unknown): unknown;
}
