/** The rules of the demo contract. */
import text from "./rules.yaml" with { type: "text" };

/** The rules of the demo contract, with an explanation of every word: what `llmgate init` writes. */
export const DEFAULT_RULES: string = text;
