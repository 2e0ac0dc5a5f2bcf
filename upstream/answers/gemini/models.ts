/** Gemini's models and embeddings: `GET /v1beta/models`, `embedContent`, `batchEmbedContents`. */
import { z } from "zod";
import { type Answer, checkModel, type EndpointCall, reply } from "../answer.ts";
import { vectorOf } from "../openai/embeddings.ts";
import { RequestError } from "../request_error.ts";

/** Listed when models are not restricted. */
const DEFAULT_MODELS = ["gemini-2.5-flash", "gemini-2.5-pro", "gemini-embedding-001"];
/** Limits that the API states for its Flash models. */
const LIMITS = { inputTokenLimit: 1_048_576, outputTokenLimit: 65_536 };

/** Answers a list of models, or one of them. */
export function geminiModels(call: EndpointCall): Answer {
  const id = call.params.model;
  if (id === undefined) return reply({ models: (call.models ?? DEFAULT_MODELS).map(model) });
  checkModel(decodeURIComponent(id), call);
  return reply(model(decodeURIComponent(id)));
}

function model(id: string) {
  return {
    name: `models/${id}`,
    version: "001",
    displayName: id,
    ...LIMITS,
    supportedGenerationMethods: ["generateContent", "countTokens", "embedContent"],
  };
}

/** Size of `gemini-embedding-001`'s vectors. */
const DIMENSIONS = 3072;
const EMBED = z.looseObject({
  content: z.looseObject({ parts: z.array(z.looseObject({ text: z.string().optional() })) }),
  outputDimensionality: z.number().int().min(1).max(8192).optional(),
});

/** Answers one embedding. */
export function embed(call: EndpointCall): Answer {
  checkModel(decodeURIComponent(call.params.model ?? ""), call);
  return reply({ embedding: embeddingOf(call.body, call) });
}

/** Answers several embeddings. */
export function embedBatch(call: EndpointCall): Answer {
  checkModel(decodeURIComponent(call.params.model ?? ""), call);
  const { requests } = call.body as { requests?: unknown };
  if (!Array.isArray(requests)) {
    throw new RequestError("* BatchEmbedContentsRequest.requests: requests is not specified\n");
  }
  return reply({ embeddings: requests.map((request) => embeddingOf(request, call)) });
}

function embeddingOf(body: unknown, call: EndpointCall): { values: readonly number[] } {
  const parsed = EMBED.safeParse(body);
  if (!parsed.success) {
    throw new RequestError("* EmbedContentRequest.content: contents is not specified\n");
  }
  if (call.reply?.embedding) return { values: call.reply.embedding };
  const { content, outputDimensionality = DIMENSIONS } = parsed.data;
  const text = content.parts.map((part) => part.text ?? "").join("");
  return { values: [...vectorOf(text, outputDimensionality)] };
}
