/** The names in the descriptors of `envoy/configs/edge.yaml`: which of them limits match, and which say what an answer was. */

/** The entry that says what a descriptor is: `ask` or `charge`. Descriptors without it are questions. */
export const MARK = "llm";

/** Entries of a charge that are facts of the answer, and no names to match. */
export interface Facts {
  status: string;
  method: string;
  path: string;
  request_bytes: string;
  response_bytes: string;
  input_tokens: string;
  output_tokens: string;
  total_tokens: string;
  answer_model: string;
}

/** Facts of which nothing was said. */
export const NO_FACTS: Facts = {
  status: "",
  method: "",
  path: "",
  request_bytes: "",
  response_bytes: "",
  input_tokens: "",
  output_tokens: "",
  total_tokens: "",
  answer_model: "",
};

/** Whether a name is that of a fact. */
export function isFact(name: string): name is keyof Facts {
  return Object.hasOwn(NO_FACTS, name);
}

/** Names that a limit matches without `descriptor`. */
const NAMED = ["tenant", "key", "model", "session"];

/** Whether a name has a meaning of its own, and is none that is added to a descriptor. */
export function isOwnName(name: string): boolean {
  return name === MARK || isFact(name) || NAMED.includes(name);
}
