/** The prompt APIs of a file as an OpenAPI document. */
import type { JsonObject } from "./exchange.ts";
import type { StepFile, TransformFile } from "./transform_schema.ts";

type Api = NonNullable<StepFile["api"]>;

/** The prompt APIs of a file, in their order. */
export function apisOf({ steps }: TransformFile): readonly Api[] {
  return steps.flatMap(({ api }) => api === undefined ? [] : [api]);
}

/** A prompt API's name: the last part of its path. */
export function nameOf({ path }: Api): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Returns the JSON Schema of a prompt API's input. */
export function inputSchema({ input }: Api): JsonObject {
  const fields = Object.entries(input).map(([name, type]): [string, JsonObject] => [
    name,
    typeof type === "object" ? { type: "string", enum: [...type.enum] } : { type },
  ]);
  return {
    type: "object",
    properties: {
      ...Object.fromEntries(fields),
      stream: { type: "boolean", description: "Answer with a chat completion as a stream" },
    },
    required: Object.keys(input),
    additionalProperties: false,
  };
}

/**
 * Returns an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1.html).
 *
 * @param server base URL that it names
 */
export function openApiOf(file: TransformFile, server: string): JsonObject {
  return {
    openapi: "3.1.1",
    info: { title: "Prompts", version: "1" },
    servers: [{ url: server }],
    security: [{ key: [] }, { bearer: [] }],
    components: {
      securitySchemes: {
        key: { type: "apiKey", in: "header", name: "x-api-key" },
        bearer: { type: "http", scheme: "bearer" },
      },
      schemas: {
        Error: {
          type: "object",
          required: ["error"],
          properties: {
            error: {
              type: "object",
              required: ["message", "type", "code"],
              properties: {
                message: { type: "string" },
                type: { type: "string" },
                code: { type: "string" },
                param: { type: ["string", "null"] },
              },
            },
          },
        },
        Text: {
          type: "object",
          required: ["text", "usage"],
          properties: { text: { type: "string" }, usage: { type: ["object", "null"] } },
        },
        ChatCompletion: { type: "object", description: "As OpenAI's Chat API answers" },
      },
    },
    paths: Object.fromEntries(apisOf(file).map((api) => [api.path, { post: operationOf(api) }])),
  };
}

function operationOf(api: Api): JsonObject {
  const json = (schema: JsonObject): JsonObject => ({ "application/json": { schema } });
  const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` });
  return {
    operationId: nameOf(api),
    requestBody: { required: true, content: json(inputSchema(api)) },
    responses: {
      "200": {
        description: "The model's answer",
        content: {
          ...json(ref(api.answer === "text" ? "Text" : "ChatCompletion")),
          "text/event-stream": { schema: { type: "string" } },
        },
      },
      "400": { description: "The input does not fit", content: json(ref("Error")) },
    },
  };
}
