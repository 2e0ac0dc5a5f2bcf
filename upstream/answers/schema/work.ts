/** Bounds of what a client's schema may cost: whoever asks must not stop the mock, or policy beside it. */
import { compilePattern, type Pattern } from "../../../patterns/mod.ts";
import { RequestError } from "../request_error.ts";

/** Values, checks and characters that one schema may ask for: some hundred times what a real one does. */
const MAX_STEPS = 200_000;

/** Characters of a client's expression that an error repeats. */
const ECHO_CHARACTERS = 200;

/** Rest of the work that one schema may ask for. */
export class Work {
  #left = MAX_STEPS;

  /** @throws {RequestError} 400 `schema_too_large` when it is more than is left */
  spend(steps = 1): void {
    this.#left -= steps;
    // A count that is no number is none of JSON Schema's either.
    if (this.#left >= 0) return;
    throw new RequestError(
      `The mock cannot make up a value: the schema asks for more than ${MAX_STEPS} values, checks and characters. ` +
        "Give the answer in a scenario.",
      { code: "schema_too_large" },
    );
  }
}

/**
 * Compiles a client's expression, to be decided in linear time.
 *
 * @throws {RequestError} 400 `unsupported_pattern` for one that RE2 does not know
 */
export function patternOf(source: string): Pattern {
  try {
    return compilePattern(source, { flags: "u" });
  } catch (error) {
    throw refusal(source, error instanceof Error ? error.message : String(error));
  }
}

/** The error for an expression that is not solved. */
export function refusal(pattern: string, why: string): RequestError {
  const said = [pattern, why].map((text) => text.slice(0, ECHO_CHARACTERS));
  return new RequestError(
    `The mock cannot make up a text for the pattern "${said[0]}": ${
      said[1]
    }. Give the answer in a scenario.`,
    { code: "unsupported_pattern" },
  );
}
