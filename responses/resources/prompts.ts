/** The resource `/v1/prompts`. */
import { Hono } from "hono";
import { z } from "zod";
import { ApiError, invalidRequest, notFound } from "../api/errors.ts";
import { newId } from "../api/id.ts";
import { metadataSchema } from "../api/metadata.ts";
import type { Prompt } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import {
  deleted,
  jsonBody,
  type Operations,
  pageOfRequest,
  type Resource,
  type RouteEnv,
} from "../api/resource.ts";
import { variablesOf } from "../api/template.ts";
import type { Store } from "../store/store.ts";

const createSchema = z.object({
  name: z.string().min(1, "must not be empty"),
  template: z.string().min(1, "must not be empty"),
  description: z.string().nullish(),
  metadata: metadataSchema.nullish(),
});

const versionSchema = z.int("must be the number of a version").min(1, "versions count from 1");

const changeSchema = z.object({
  name: z.string().min(1, "must not be empty").optional(),
  template: z.string().min(1, "must not be empty").optional(),
  description: z.string().nullish(),
  metadata: metadataSchema.nullish(),
  version: versionSchema,
  set_as_default: z.boolean().optional(),
});

const defaultSchema = z.object({ version: versionSchema });

const OPERATIONS: Operations = {
  "POST /": { summary: "Create a prompt, as version 1", body: createSchema },
  "GET /": { summary: "List prompts, each by its default version", list: true },
  "GET /:id": {
    summary: "Get a prompt's default version, or the one that is named",
    query: { version: "Number of a version" },
  },
  "PUT /:id": { summary: "Add a version, made of the latest one", body: changeSchema },
  "DELETE /:id": { summary: "Delete a prompt with all its versions" },
  "GET /:id/versions": { summary: "List a prompt's versions, oldest first" },
  "POST /:id/default_version": { summary: "Make a version the default", body: defaultSchema },
};

/** `/v1/prompts`: templates with versions, one of which is the default. The gateway's own; OpenAI has no such API. */
export function prompts(
  { store, now }: { store: Pick<Store, "prompts">; now: () => number },
): Resource {
  const routes = new Hono<RouteEnv>();
  const rows = store.prompts;

  routes.post("/", async (context) => {
    const { name, template, description, metadata } = await jsonBody(context, createSchema);
    const prompt: Prompt = {
      id: newId("prompt"),
      object: "prompt",
      name,
      description: description ?? null,
      template,
      variables: variablesOf(template),
      version: 1,
      is_default: true,
      created_at: now(),
      updated_at: now(),
      metadata: metadata ?? {},
    };
    await rows.create(context.get("tenant"), prompt);
    return context.json(prompt);
  });
  routes.get(
    "/",
    async (context) =>
      context.json(listBody(await rows.list(context.get("tenant"), pageOfRequest(context)))),
  );
  routes.get("/:id", async (context) => {
    const id = context.req.param("id");
    const version = wantedVersion(context.req.query("version"));
    const prompt = await rows.get(context.get("tenant"), id, version);
    if (prompt === undefined) throw missing(id, version);
    return context.json(prompt);
  });
  routes.put("/:id", async (context) => {
    const id = context.req.param("id");
    const change = await jsonBody(context, changeSchema);
    const tenant = context.get("tenant");
    const latest = (await rows.versions(tenant, id)).at(-1);
    if (latest === undefined) throw missing(id);
    const prompt = nextVersion(latest, change, now());
    if (change.version !== latest.version || !await rows.addVersion(tenant, prompt)) {
      throw new ApiError(
        409,
        "version_conflict",
        `Version ${change.version} is not the latest version of '${id}': read it again and repeat the change`,
        "version",
      );
    }
    return context.json(prompt);
  });
  routes.delete("/:id", async (context) => {
    const id = context.req.param("id");
    if (!await rows.delete(context.get("tenant"), id)) throw missing(id);
    return context.json(deleted(id, "prompt.deleted"));
  });
  routes.get("/:id/versions", async (context) => {
    const id = context.req.param("id");
    const data = await rows.versions(context.get("tenant"), id);
    if (data.length === 0) throw missing(id);
    return context.json(listBody({ data, hasMore: false }));
  });
  routes.post("/:id/default_version", async (context) => {
    const id = context.req.param("id");
    const { version } = await jsonBody(context, defaultSchema);
    const tenant = context.get("tenant");
    const changed = await rows.setDefault(tenant, id, version);
    const prompt = changed ? await rows.get(tenant, id, version) : undefined;
    if (prompt === undefined) throw missing(id, version);
    return context.json(prompt);
  });
  return { path: "/v1/prompts", routes, operations: OPERATIONS };
}

function wantedVersion(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  const version = versionSchema.safeParse(Number(text));
  if (version.success) return version.data;
  throw invalidRequest(`Invalid 'version': it must be a number from 1: it is "${text}"`, "version");
}

function nextVersion(latest: Prompt, change: z.infer<typeof changeSchema>, now: number): Prompt {
  const template = change.template ?? latest.template;
  return {
    ...latest,
    name: change.name ?? latest.name,
    description: change.description === undefined ? latest.description : change.description,
    metadata: change.metadata === undefined ? latest.metadata : change.metadata,
    template,
    variables: variablesOf(template),
    version: latest.version + 1,
    is_default: change.set_as_default ?? true,
    updated_at: now,
  };
}

function missing(id: string, version?: number): ApiError {
  return version === undefined
    ? notFound("prompt", id)
    : new ApiError(404, "prompt_not_found", `No version ${version} of prompt '${id}' found`);
}
