/** The step `api`: a prompt as an API of its own, `POST /v1/run/NAME`. */
import type { Json } from "../../openai/mod.ts";
import type { JsonObject, OwnAnswer, RequestDraft, Step } from "../exchange.ts";
import { inputSchema, nameOf } from "../openapi.ts";
import type { StepFile } from "../transform_schema.ts";

type Settings = NonNullable<StepFile["api"]>;

const CHAT_PATH = "/v1/chat/completions";
const LIST_PATH = "/v1/run";

/** Returns the step: input is checked, put into the messages, and asked as a chat request. */
export function apiStep(settings: Settings): Step {
  return {
    mustRead: (draft) => draft.pathname === settings.path,
    request(draft) {
      if (draft.pathname !== settings.path) return undefined;
      if (draft.method !== "POST") return { answer: wrong(405, "method_not_allowed", "Use POST") };
      if (draft.json === undefined) {
        return { answer: wrong(400, "invalid_json", "Expected a JSON object as the body") };
      }
      const { stream = false, ...input } = draft.json;
      if (typeof stream !== "boolean") {
        return {
          answer: wrong(400, "invalid_input", 'Expected "stream" to be a boolean', "stream"),
        };
      }
      const problem = problemOf(input, settings.input);
      if (problem !== undefined) {
        return { answer: wrong(400, "invalid_input", problem.message, problem.field) };
      }
      ask(draft, settings, { input, streams: stream === true });
      if (settings.answer === "chat" || stream === true) return undefined;
      return {
        handler: {
          // The steps behind this one know a completion, and no answer of ours.
          isLast: true,
          whole: (json, { status }) => status === 200 ? answerOf(json) : undefined,
        },
      };
    },
  };
}

/** Returns a step that lists the prompt APIs of a file: `GET /v1/run`. */
export function apiListStep(apis: readonly Settings[]): Step {
  const data = apis.map((api) => ({
    id: nameOf(api),
    object: "prompt",
    path: api.path,
    answer: api.answer,
    input: inputSchema(api),
  }));
  const body = new TextEncoder().encode(JSON.stringify({ object: "list", data }));
  return {
    request(draft) {
      if (draft.pathname !== LIST_PATH) return undefined;
      if (draft.method !== "GET") return { answer: wrong(405, "method_not_allowed", "Use GET") };
      const headers = [["content-type", "application/json"]] as const;
      return { answer: { status: 200, details: "prompt_list", headers, body } };
    },
  };
}

function ask(
  draft: RequestDraft,
  { model, messages, parameters }: Settings,
  { input, streams }: { input: JsonObject; streams: boolean },
): void {
  const json = draft.json as JsonObject;
  for (const key of Object.keys(json)) delete json[key];
  Object.assign(json, parameters);
  json.model = model;
  json.messages = messages.map(({ role, content }) => ({ role, content: filled(content, input) }));
  if (streams) json.stream = true;
  draft.changed = true;
  draft.path = CHAT_PATH;
}

/** Puts values in place of `{{name}}`; a value is text, and no template again. */
function filled(template: string, input: JsonObject): string {
  return template.replace(
    /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/g,
    (all, name: string) => Object.hasOwn(input, name) ? String(input[name]) : all,
  );
}

function problemOf(
  input: JsonObject,
  fields: Settings["input"],
): { field: string; message: string } | undefined {
  for (const [field, type] of Object.entries(fields)) {
    const value = input[field];
    if (value === undefined) return { field, message: `Expected a value for "${field}"` };
    if (typeof type === "object") {
      if (typeof value === "string" && type.enum.includes(value)) continue;
      return { field, message: `Expected "${field}" to be one of ${type.enum.join(", ")}` };
    }
    if (typeOf(value) !== type) return { field, message: `Expected "${field}" to be a ${type}` };
  }
  const unknown = Object.keys(input).find((field) => !Object.hasOwn(fields, field));
  return unknown === undefined ? undefined : {
    field: unknown,
    message: `Expected no "${unknown}": there is ${Object.keys(fields).join(", ")}`,
  };
}

function typeOf(value: Json): string {
  return typeof value;
}

/** The text of a chat answer, and what it cost. */
function answerOf(json: JsonObject): JsonObject {
  const [choice] = (json.choices ?? []) as JsonObject[];
  const message = choice?.message as JsonObject | undefined;
  return { text: (message?.content ?? "") as Json, usage: json.usage ?? null };
}

function wrong(status: number, code: string, message: string, param?: string): OwnAnswer {
  return {
    status,
    details: code,
    body: { message, type: "invalid_request_error", code, param: param ?? null },
    ...(status === 405 && { headers: [["allow", message.replace("Use ", "")]] as const }),
  };
}
