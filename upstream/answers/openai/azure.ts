/** Azure's additions to a chat answer (Azure OpenAI REST reference, "Content filtering"): nothing is ever filtered. */

const SAFE = { filtered: false, severity: "safe" };
const RESULTS = { hate: SAFE, self_harm: SAFE, sexual: SAFE, violence: SAFE };

/** Filter results of the prompt. */
export const PROMPT_FILTER = {
  prompt_filter_results: [{ prompt_index: 0, content_filter_results: RESULTS }],
};

/** Filter results of each choice. */
export const CONTENT_FILTER = { content_filter_results: RESULTS };

/** The first event of a stream: no choice, no id, no model, only what was found in the prompt. */
export const FIRST_CHUNK = {
  choices: [],
  created: 0,
  id: "",
  model: "",
  object: "",
  ...PROMPT_FILTER,
};
