/** OpenTelemetry's names for what is asked of a model (its GenAI conventions, `gen_ai.operation.name`). */

/** By path; a path that has no name of its own there is not one label value each. */
const OPERATIONS: Readonly<Record<string, string>> = {
  "/v1/chat/completions": "chat",
  "/v1/responses": "chat",
  "/v1/completions": "text_completion",
  "/v1/embeddings": "embeddings",
};

/** Returns the operation of a request's path; `_OTHER` where the conventions know none. */
export function operationOf(path: string): string {
  const plain = path.split("?", 1)[0] ?? "";
  return Object.hasOwn(OPERATIONS, plain) ? OPERATIONS[plain] ?? OTHER : OTHER;
}

/** Whether a path is one whose answers the host keeps, to be named by what follows. */
export function keepsAnswers(path: string): boolean {
  return path.split("?", 1)[0] === "/v1/responses";
}

/** OpenTelemetry's word for a value that is not on a list. */
const OTHER = "_OTHER";
