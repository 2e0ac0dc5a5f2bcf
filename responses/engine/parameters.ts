/** Parameters of a request that go to the model as they are, and those that the response records. Pure. */
import { newId } from "../api/id.ts";
import type { ResponseObject } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Tool } from "../api/tools.ts";

/** Fields of chat completions that are called the same in the Responses API. */
const SAME_NAME = [
  "temperature",
  "top_p",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "stop",
  "service_tier",
  "user",
  "safety_identifier",
  "prompt_cache_key",
] as const;

/** The parameters of the chat request; `offer` is what goes with the tools, where any are offered. */
export function chatParameters(
  request: CreateRequest,
  offer: { readonly choice: unknown } | undefined,
): Record<string, unknown> {
  const parameters: Record<string, unknown> = {};
  const set = (name: string, value: unknown) => {
    if (value !== undefined && value !== null) parameters[name] = value;
  };
  for (const name of SAME_NAME) set(name, request[name]);
  set("reasoning_effort", request.reasoning?.effort);
  set("verbosity", request.text?.verbosity);
  set("response_format", responseFormat(request));
  if (request.top_logprobs || request.include?.includes("message.output_text.logprobs")) {
    parameters["logprobs"] = true;
    set("top_logprobs", request.top_logprobs);
  }
  if (offer !== undefined) {
    set("parallel_tool_calls", request.parallel_tool_calls);
    set("tool_choice", offer.choice);
  }
  return parameters;
}

function responseFormat({ text }: CreateRequest): unknown {
  const format = text?.format;
  if (!format || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

/** The response to a request before anything came of it; `createdAt` in Unix seconds. */
export function newResponse(
  request: CreateRequest,
  place: {
    readonly createdAt: number;
    readonly conversation: string | null;
    readonly instructions: string | null;
  },
): ResponseObject {
  const orNull = <T>(value: T | null | undefined): T | null => value ?? null;
  return {
    id: newId("resp"),
    object: "response",
    created_at: place.createdAt,
    completed_at: null,
    status: request.background ? "queued" : "in_progress",
    background: request.background ?? false,
    model: request.model,
    output: [],
    error: null,
    incomplete_details: null,
    usage: null,
    previous_response_id: orNull(request.previous_response_id),
    conversation: place.conversation,
    instructions: place.instructions,
    prompt: orNull(request.prompt),
    tools: request.tools.map(withoutSecrets),
    tool_choice: request.tool_choice ?? "auto",
    parallel_tool_calls: request.parallel_tool_calls ?? true,
    max_tool_calls: orNull(request.max_tool_calls),
    max_output_tokens: orNull(request.max_output_tokens),
    temperature: orNull(request.temperature),
    top_p: orNull(request.top_p),
    frequency_penalty: orNull(request.frequency_penalty),
    presence_penalty: orNull(request.presence_penalty),
    top_logprobs: orNull(request.top_logprobs),
    truncation: request.truncation ?? "disabled",
    reasoning: orNull(request.reasoning),
    text: { ...request.text, format: request.text?.format ?? { type: "text" } },
    service_tier: orNull(request.service_tier),
    store: request.store ?? true,
    metadata: orNull(request.metadata),
    user: orNull(request.user),
    safety_identifier: orNull(request.safety_identifier),
    prompt_cache_key: orNull(request.prompt_cache_key),
  };
}

/** Credentials are for the tool's server alone: they are neither stored nor sent back. */
function withoutSecrets({ authorization: _, headers: __, ...tool }: Tool): Tool {
  return tool as Tool;
}
