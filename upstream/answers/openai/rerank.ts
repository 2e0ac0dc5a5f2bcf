/** `POST /v1/rerank` and `/v2/rerank`, as Cohere, Jina and vLLM have it: documents in the order of shared words. */
import { z } from "zod";
import { type Answer, checkModel, type EndpointCall, reply } from "../answer.ts";
import { parseBody } from "../request_body.ts";
import { countTokens } from "../text.ts";
import { vectorOf } from "./embeddings.ts";

const RERANK = z.looseObject({
  model: z.string().min(1),
  query: z.string().min(1),
  documents: z.array(z.union([z.string(), z.looseObject({ text: z.string() })])).min(1),
  top_n: z.number().int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
});

/** Enough to tell texts apart by their words. */
const DIMENSIONS = 256;

/** Answers with the best documents first; the scores lie between 0 and 1. */
export function rerank(call: EndpointCall): Answer {
  const request = parseBody(RERANK, call.body);
  checkModel(request.model, call);
  const texts = request.documents.map((one) => typeof one === "string" ? one : one.text);
  const query = vectorOf(request.query, DIMENSIONS);
  const results = texts.map((text, index) => {
    const vector = vectorOf(text, DIMENSIONS);
    const cosine = query.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0);
    return {
      index,
      relevance_score: Math.round((cosine + 1) / 2 * 1e6) / 1e6,
      ...(request.return_documents ? { document: { text } } : {}),
    };
  }).sort((a, b) => b.relevance_score - a.relevance_score).slice(0, request.top_n ?? texts.length);
  const total_tokens = [request.query, ...texts].reduce((sum, text) => sum + countTokens(text), 0);
  return reply({
    id: `rerank-${call.random.hex(24)}`,
    model: request.model,
    results,
    usage: { total_tokens },
    meta: { api_version: { version: "2" }, billed_units: { search_units: 1 } },
  });
}
