/** The OpenAPI document of the HTTP front. */
import { z } from "zod";
import { MAX_LIMIT } from "../api/page.ts";
import type { Operation, Resource } from "../api/resource.ts";

/** A JSON object of the document. */
type Part = Record<string, unknown>;

const LIST_PARAMETERS: readonly Part[] = [
  parameter("after", "Only what comes after the object with this id"),
  parameter("before", "Only what comes before the object with this id"),
  {
    ...parameter("limit", "Objects on a page"),
    schema: { type: "integer", minimum: 1, maximum: MAX_LIMIT },
  },
  {
    ...parameter("order", "By time of creation"),
    schema: { type: "string", enum: ["asc", "desc"] },
  },
];

/** The body of every error, as `errorBody()` in openai/ makes it. */
const ERROR = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["message", "type", "param", "code"],
      properties: {
        message: { type: "string" },
        type: { type: "string" },
        param: { type: ["string", "null"] },
        code: { type: ["string", "null"] },
      },
    },
  },
};

/**
 * Returns the OpenAPI document (version 3.1) of what these resources serve. Bodies are the schemas that the handlers
 * read by, so the document cannot ask for anything else than they do.
 */
export function openApiOf(resources: readonly Resource[]): Part {
  const paths: Record<string, Part> = {};
  for (const { path, operations } of resources) {
    for (const [route, operation] of Object.entries(operations)) {
      const [method = "", rest = ""] = route.split(" ");
      const whole = pathOf(path, rest);
      (paths[whole] ??= {})[method.toLowerCase()] = operationOf(method, whole, operation);
    }
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "llmgate Responses gateway",
      version: "1",
      description: "OpenAI's Responses API and what belongs to it, in front of any model server.",
    },
    paths,
    components: { schemas: { Error: ERROR } },
  };
}

/** `/v1/files` and `/:id` as `/v1/files/{id}`. */
export function pathOf(path: string, route: string): string {
  const whole = `${path}${route}`.replace(/\/{2,}/g, "/").replace(/(.)\/$/, "$1");
  return whole.replace(/:(\w+)/g, "{$1}");
}

function operationOf(method: string, path: string, operation: Operation): Part {
  const { summary, body, form, list, query = {}, answers = ["application/json"] } = operation;
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
      ...parameter(name, `Id of the ${name === "id" ? "object" : name}`),
      in: "path",
      required: true,
    })),
    ...list ? LIST_PARAMETERS : [],
    ...Object.entries(query).map(([name, description]) => parameter(name, description)),
  ];
  return {
    summary,
    operationId: `${method.toLowerCase()}${path.replace(/\W+/g, "_").replace(/_$/, "")}`,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: content("application/json", schemaOf(body)) }),
    ...(form && { requestBody: content("multipart/form-data", formSchemaOf(form)) }),
    responses: {
      200: {
        description: "Done",
        content: Object.fromEntries(answers.map((type) => [type, {}])),
      },
      default: {
        description: "What is wrong",
        content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
      },
    },
  };
}

function parameter(name: string, description: string): Part {
  return { name, in: "query", description, schema: { type: "string" } };
}

function content(type: string, schema: Part): Part {
  return { required: true, content: { [type]: { schema } } };
}

/** Returns the schema of what a client sends, not of what the handler makes of it; what JSON Schema cannot say is left open. */
function schemaOf(schema: z.ZodType): Part {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}

function formSchemaOf(schema: z.ZodType): Part {
  const { properties = {}, required = [], ...rest } = schemaOf(schema) as {
    properties?: Part;
    required?: string[];
  };
  return {
    ...rest,
    required: ["file", ...required],
    properties: { file: { type: "string", format: "binary" }, ...properties },
  };
}
