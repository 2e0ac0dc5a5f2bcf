import type { Model } from "../../../openai/mod.ts";
import { type Answer, checkModel, type EndpointCall } from "../answer.ts";

/** What `GET /v1/models` lists when models are not restricted. */
export const DEFAULT_MODELS: readonly string[] = [
  "gpt-4o-mini",
  "gpt-4o",
  "mock-small",
  "mock-large",
  "text-embedding-3-small",
];

/** A fixed time, so that the list is the same every time. */
const CREATED = 1_700_000_000;

/** `GET /v1/models` and `GET /v1/models/{id}`. */
export function models(call: EndpointCall): Answer {
  const list = call.models ?? DEFAULT_MODELS;
  const id = decodeURIComponent(call.path.slice("/v1/models".length + 1));
  if (id === "") return answer({ object: "list", data: list.map(model) });
  checkModel(id, list);
  return answer(model(id));
}

function model(id: string): Model {
  return { id, object: "model", created: CREATED, owned_by: "llmgate" };
}

function answer(body: unknown): Answer {
  return { kind: "json", status: 200, body, paced: false };
}
