/** Prompt templates: `{{name}}` in a stored text becomes the request's variable. */
import { notFound } from "../api/errors.ts";
import { fillTemplate } from "../api/template.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Tenant } from "../api/tenant.ts";
import type { PromptStore } from "../store/store.ts";

/**
 * Returns the instructions of a request: its own, or its prompt's, filled in. Variables that are not
 * given stay as they are written.
 *
 * @throws {ApiError} 404 for a prompt or a version that the tenant does not have
 */
export async function instructionsOf(
  prompts: PromptStore,
  tenant: Tenant,
  { prompt, instructions }: Pick<CreateRequest, "prompt" | "instructions">,
): Promise<string | null> {
  if (!prompt) return instructions ?? null;
  const version = prompt.version === undefined || prompt.version === null
    ? undefined
    : Number(prompt.version);
  const found = await prompts.get(tenant, prompt.id, version);
  if (found === undefined) throw notFound("prompt", prompt.id);
  const values = Object.entries(prompt.variables ?? {}).flatMap(([name, value]) => {
    const text = textOf(value);
    return text === undefined ? [] : [[name, text]];
  });
  return fillTemplate(found.template, Object.fromEntries(values));
}

/** A value that is a part of a message gives its text; one without any stays unfilled. */
function textOf(value: unknown): string | undefined {
  const text = typeof value === "object" && value !== null
    ? (value as { text?: unknown }).text
    : value;
  return text === undefined || text === null ? undefined : String(text);
}
