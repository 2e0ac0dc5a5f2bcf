/** `GET /v1/models` and `GET /v1/models/{model}`: OpenAI's list, or Anthropic's for who names its version. */
import type { Model } from "../../../openai/mod.ts";
import { type Answer, checkModel, type EndpointCall } from "../answer.ts";

/** Models that `GET /v1/models` lists when they are not restricted. */
export const DEFAULT_MODELS: readonly string[] = [
  "gpt-4o-mini",
  "gpt-4o",
  "mock-small",
  "mock-large",
  "text-embedding-3-small",
];

/** A fixed time, so that the list is the same every time. */
const CREATED = 1_700_000_000;

/** Answers a list of models, or one of them. */
export function models(call: EndpointCall): Answer {
  const anthropic = call.dialect === "anthropic";
  const shape: (id: string) => object = anthropic ? anthropicModel : model;
  const list = call.models ?? (anthropic ? ANTHROPIC_MODELS : DEFAULT_MODELS);
  const { model: id } = call.params;
  if (id !== undefined) {
    const known = { ...call, models: call.models ?? (anthropic ? undefined : list) };
    checkModel(decodeURIComponent(id), known);
    return answer(shape(decodeURIComponent(id)));
  }
  const data = list.map(shape);
  return answer(
    anthropic
      ? { data, has_more: false, first_id: list[0] ?? null, last_id: list.at(-1) ?? null }
      : { object: "list", data },
  );
}

function model(id: string): Model {
  return { id, object: "model", created: CREATED, owned_by: "llmgate" };
}

/** Listed in Anthropic's dialect when models are not restricted. */
const ANTHROPIC_MODELS: readonly string[] = ["claude-sonnet-4-5", "claude-haiku-4-5"];

function anthropicModel(id: string) {
  return {
    type: "model",
    id,
    display_name: id,
    created_at: new Date(CREATED * 1000).toISOString(),
  };
}

function answer(body: unknown): Answer {
  return { kind: "json", status: 200, body, paced: false };
}
