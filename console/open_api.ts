/** The description of the data API, made of its table. */
import { z } from "zod";
import type { ApiRoute } from "./routes.ts";

/** Returns the API's description (OpenAPI 3.1). */
export function openApi(routes: readonly ApiRoute[]): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, summary, query = {}, body, answers = "application/json" } of routes) {
    const template = path.replace(/:(\w+)/g, "{$1}");
    const parameters = [
      ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
        name,
        in: "path",
        required: true,
        schema: { type: "string" },
      })),
      ...Object.entries(query).map(([name, description]) => ({
        ...{ name, in: "query", description, schema: { type: "string" } },
      })),
    ];
    const json = (schema: object) => ({ content: { "application/json": { schema } } });
    paths[template] = {
      ...paths[template],
      [method.toLowerCase()]: {
        summary,
        ...(parameters.length > 0 && { parameters }),
        ...(body && { requestBody: json(z.toJSONSchema(body, { io: "input" })) }),
        responses: {
          200: { description: summary, content: { [answers]: {} } },
          default: {
            description: "An error, as OpenAI's",
            ...json({
              type: "object",
              properties: {
                error: { type: "object", properties: { message: { type: "string" } } },
              },
            }),
          },
        },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: { title: "llmgate console", version: "1", description: "docs/console.md" },
    servers: [{ url: "/api/v1" }],
    paths,
  };
}
