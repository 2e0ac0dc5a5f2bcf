/** Reads a request for content (Gemini API reference, "GenerateContent"). */
import { z } from "zod";
import { type Ask, type AskChoice, type AskTurn, reasoningTokens } from "../../../dialects/mod.ts";
import { RequestError } from "../request_error.ts";
import { valueAt } from "../request_body.ts";

/** Parts have one kind of data each; what is none of these is refused, as the API does. */
const PART = z.strictObject({
  text: z.string().optional(),
  inlineData: z.looseObject({ mimeType: z.string(), data: z.string() }).optional(),
  fileData: z.looseObject({ fileUri: z.string() }).optional(),
  functionCall: z.looseObject({ name: z.string() }).optional(),
  functionResponse: z.looseObject({ name: z.string(), response: z.unknown() }).optional(),
  executableCode: z.looseObject({}).optional(),
  codeExecutionResult: z.looseObject({}).optional(),
  thought: z.boolean().optional(),
  thoughtSignature: z.string().optional(),
  videoMetadata: z.looseObject({}).optional(),
  mediaResolution: z.unknown().optional(),
  partMetadata: z.unknown().optional(),
});

const CONTENT = z.strictObject({
  role: z.enum(["user", "model", "function"], "Please use a valid role: user, model.").optional(),
  parts: z.array(PART),
});

const DECLARATION = z.strictObject({
  name: z.string().min(1),
  description: z.string().optional(),
  behavior: z.string().optional(),
  parameters: z.looseObject({}).optional(),
  parametersJsonSchema: z.unknown().optional(),
  response: z.unknown().optional(),
  responseJsonSchema: z.unknown().optional(),
});

const TOOL = z.strictObject({
  functionDeclarations: z.array(DECLARATION).optional(),
  googleSearch: z.looseObject({}).optional(),
  googleSearchRetrieval: z.looseObject({}).optional(),
  googleMaps: z.looseObject({}).optional(),
  codeExecution: z.looseObject({}).optional(),
  computerUse: z.looseObject({}).optional(),
  urlContext: z.looseObject({}).optional(),
  fileSearch: z.looseObject({}).optional(),
  mcpServers: z.array(z.unknown()).optional(),
});

const CALLING = z.looseObject({
  mode: z.enum(["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]).optional(),
  allowedFunctionNames: z.array(z.string()).optional(),
});

const CONFIG = z.looseObject({
  candidateCount: z.number().int().min(1).max(8).optional(),
  maxOutputTokens: z.number().int().min(1).optional(),
  stopSequences: z.array(z.string()).max(5).optional(),
  responseMimeType: z.string().optional(),
  responseSchema: z.looseObject({}).optional(),
  responseJsonSchema: z.unknown().optional(),
  thinkingConfig: z.looseObject({
    includeThoughts: z.boolean().optional(),
    thinkingBudget: z.number().optional(),
    thinkingLevel: z.string().optional(),
  }).optional(),
});

const GENERATE = z.strictObject({
  contents: z.array(CONTENT).min(1, "contents is not specified"),
  systemInstruction: z.union([CONTENT, z.string()]).optional(),
  tools: z.array(TOOL).optional(),
  toolConfig: z.looseObject({ functionCallingConfig: CALLING.optional() }).optional(),
  generationConfig: CONFIG.optional(),
  safetySettings: z.array(z.looseObject({})).optional(),
  cachedContent: z.string().optional(),
  labels: z.record(z.string(), z.string()).optional(),
  model: z.string().optional(),
  serviceTier: z.string().optional(),
  store: z.boolean().optional(),
});

/** A request for content. */
export type GenerateRequest = z.infer<typeof GENERATE>;

/**
 * Returns the body as a request for content; names in snake case are read as well (protobuf's JSON mapping).
 *
 * @throws {RequestError} 400 in Gemini's words, unknown names included
 */
export function parseGenerate(body: unknown): GenerateRequest {
  const read = camelCased(body);
  const parsed = GENERATE.safeParse(read);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path ?? [];
  const at = path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join(
    "",
  )
    .replace(/^\./, "");
  if (issue?.code === "unrecognized_keys") {
    throw new RequestError(
      `Invalid JSON payload received. Unknown name "${issue.keys[0]}"${
        at === "" ? "" : ` at '${snakeCased(at)}'`
      }: Cannot find field.`,
    );
  }
  const missing = valueAt(read, path) === undefined;
  throw new RequestError(
    missing
      ? `* GenerateContentRequest.${snakeCased(at)}: ${snakeCased(at)} is not specified\n`
      : `Invalid value at '${snakeCased(at)}': ${issue?.message ?? "not understood"}`,
  );
}

/** Free-form values keep their keys: they belong to the user, not to the API. */
const FREE = new Set([
  ...["args", "response", "parametersJsonSchema", "responseJsonSchema", "labels", "properties"],
  ...["defs", "$defs"],
]);

function camelCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCased);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inside]) => {
      const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
      return [name, FREE.has(name) ? inside : camelCased(inside)];
    }),
  );
}

function snakeCased(path: string): string {
  return path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Tokens of thought without a level or budget. */
const THOUGHT_TOKENS = 10;

/** Reads a request into the neutral form. */
export function askOfGenerate(
  request: GenerateRequest,
  { model, stream }: { readonly model: string; readonly stream: boolean },
): Ask {
  const { systemInstruction: system, generationConfig: config = {} } = request;
  const thinking = config.thinkingConfig;
  const thinks = thinking?.includeThoughts === true && thinking.thinkingBudget !== 0;
  const level = reasoningTokens(thinking?.thinkingLevel?.toLowerCase());
  return {
    model,
    stream,
    system: system === undefined ? [] : typeof system === "string" ? [system] : [textOf(system)],
    turns: request.contents.flatMap(turnsOf),
    tools: (request.tools ?? []).flatMap(({ functionDeclarations = [] }) =>
      functionDeclarations.map((declared) => ({
        name: declared.name,
        parameters: declared.parametersJsonSchema ?? declared.parameters ?? {},
      }))
    ),
    choice: choiceOf(request.toolConfig?.functionCallingConfig),
    parallel: false,
    limit: config.maxOutputTokens ?? Infinity,
    stop: config.stopSequences ?? [],
    reasoning: thinks ? level || THOUGHT_TOKENS : 0,
    ...schemaOf(config),
    count: config.candidateCount ?? 1,
  };
}

function schemaOf(config: z.infer<typeof CONFIG>): { schema?: unknown } {
  const schema = config.responseJsonSchema ?? config.responseSchema;
  if (schema !== undefined) return { schema };
  return config.responseMimeType === "application/json" ? { schema: { type: "object" } } : {};
}

/** Results of functions come in a user's turn; each is a tool's turn, then the user's words. */
function turnsOf(content: z.infer<typeof CONTENT>): AskTurn[] {
  const results = content.parts.filter((part) => part.functionResponse);
  const rest = content.parts.filter((part) => !part.functionResponse);
  const turns: AskTurn[] = results.map(({ functionResponse }) => ({
    role: "tool",
    text: JSON.stringify(functionResponse?.response ?? {}),
    images: 0,
    calls: [],
    answers: functionResponse?.name ?? "",
  }));
  if (rest.length === 0) return turns;
  const isImage = (type: string | undefined) => type?.startsWith("image/") === true;
  turns.push({
    role: content.role === "model" ? "assistant" : "user",
    text: textOf({ parts: rest }),
    images: rest.filter(({ inlineData }) => isImage(inlineData?.mimeType)).length,
    calls: rest.flatMap(({ functionCall }) => functionCall ? [functionCall.name] : []),
  });
  return turns;
}

function textOf({ parts }: { readonly parts: readonly z.infer<typeof PART>[] }): string {
  return parts.map((part) => part.thought ? "" : part.text ?? "").join("");
}

function choiceOf(config: z.infer<typeof CALLING> | undefined): AskChoice {
  const mode = config?.mode === "ANY" ? "required" : config?.mode === "NONE" ? "none" : "auto";
  const names = config?.allowedFunctionNames;
  return names?.length ? { mode, names } : { mode };
}
