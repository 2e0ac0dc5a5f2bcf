/** The bundled limits: the text of `limits.yaml`. */
import text from "./limits.yaml" with { type: "text" };

/** The limits that are in force when none are given, and what `llmgate init` writes. */
export const DEFAULT_LIMITS: string = text;
