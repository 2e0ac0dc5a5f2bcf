/** Paths under which providers offer the same endpoints, and the ones of the table that they mean. */

/** A path as the table has it, and what it says beside. */
export interface CanonicalPath {
  readonly path: string;
  /** Azure's deployment, which stands for the model. */
  readonly deployment?: string;
  /** Whether Azure's own additions are wanted: content filter results, and `api-version` in the query. */
  readonly azure: boolean;
}

/**
 * Azure's paths (Azure OpenAI REST reference) with and without deployments; Vertex's path of a model; Gemini's, Groq's,
 * OpenRouter's and Cohere's OpenAI-compatible ends.
 */
const REWRITES: readonly {
  readonly from: RegExp;
  readonly to: string;
  readonly azure?: boolean;
}[] = [
  { from: /^\/openai\/deployments\/(?<deployment>[^/]+)\/(?<rest>.+)$/, to: "/v1/", azure: true },
  { from: /^\/openai\/v1\/(?<rest>.+)$/, to: "/v1/" },
  { from: /^\/openai\/(?<rest>(responses|models|files|batches)(\/.*)?)$/, to: "/v1/", azure: true },
  { from: /^\/(v1beta\/openai|api\/v1|compatibility\/v1)\/(?<rest>.+)$/, to: "/v1/" },
  {
    from:
      /^\/v1(beta1)?\/projects\/[^/]+\/locations\/[^/]+\/publishers\/google\/(?<rest>models\/.+)$/,
    to: "/v1beta/",
  },
  {
    from: /^\/v1(alpha)?\/(?<rest>models\/[^/]+:([a-zA-Z]+Contents?|countTokens))$/,
    to: "/v1beta/",
  },
];

/** Returns the path that a request means. */
export function canonicalPath(path: string): CanonicalPath {
  for (const { from, to, azure = false } of REWRITES) {
    const { rest, deployment } = from.exec(path)?.groups ?? {};
    if (rest === undefined) continue;
    const found = { path: `${to}${rest}`, azure };
    return deployment === undefined
      ? found
      : { ...found, deployment: decodeURIComponent(deployment) };
  }
  return { path, azure: false };
}
