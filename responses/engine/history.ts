/** Earlier turns as the model gets them, and the files that a request names. */
import { Buffer } from "node:buffer";
import { ApiError, invalidRequest, notFound } from "../api/errors.ts";
import type { Item } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Store } from "../store/store.ts";
import type { FileContents } from "./file_contents.ts";

/** Returns the items of a response that is not stored: everything up to its end. */
export type Recall = (id: string) => readonly Item[] | undefined;

/**
 * Returns the items before this request's own, oldest first: those of its conversation, or of the
 * whole chain of responses that it follows.
 *
 * @throws {ApiError} 404 for a conversation, 400 for a response that the tenant does not have
 */
export async function historyOf(
  store: Pick<Store, "responses" | "conversations">,
  tenant: Tenant,
  { conversation, previous_response_id }: Pick<
    CreateRequest,
    "conversation" | "previous_response_id"
  >,
  recall?: Recall,
): Promise<readonly Item[]> {
  if (conversation !== undefined) {
    const items = await store.conversations.history(tenant, conversation);
    if (items === undefined) throw notFound("conversation", conversation);
    return items;
  }
  if (typeof previous_response_id !== "string") return [];
  const known = recall?.(previous_response_id);
  if (known !== undefined) return known;
  const turns = await store.responses.chain(tenant, previous_response_id);
  // An earlier turn may have been deleted since; the one that is named must be there.
  if (turns.length === 0) throw unknownPrevious(previous_response_id);
  return turns.flatMap(({ input, response }) => [...input, ...response.output]);
}

function unknownPrevious(id: string): ApiError {
  return new ApiError(
    400,
    "previous_response_not_found",
    `Previous response with id '${id}' not found`,
    "previous_response_id",
  );
}

/**
 * Puts items in the place of references to them. One that the history or the input holds anyway is left out.
 *
 * @throws {ApiError} 404 for a reference to an item that the tenant does not have
 */
export async function withReferences<T extends Item & { readonly id: string }>(
  input: readonly T[],
  history: readonly Item[],
  find: (id: string) => Promise<Item | undefined>,
): Promise<(Item & { readonly id: string })[]> {
  if (!input.some(isReference)) return [...input];
  const held = new Set<unknown>(history.map(({ id }) => id));
  for (const item of input) if (!isReference(item)) held.add(item.id);
  const found = await Promise.all(input.map(async (item) => {
    if (!isReference(item)) return [item];
    if (held.has(item.id)) return [];
    held.add(item.id);
    const named = await find(item.id);
    if (named === undefined) throw notFound("item", item.id);
    return [{ ...named, id: item.id }];
  }));
  return found.flat();
}

function isReference({ type }: Item): boolean {
  return type === "item_reference";
}

/**
 * Puts the contents of files in the place of their ids, as data URLs; the items that are stored keep
 * the ids.
 *
 * @throws {ApiError} 404 for a file that the tenant does not have, 400 for a file by URL
 */
export async function withFiles(
  items: readonly Item[],
  files: FileContents | undefined,
  tenant: Tenant,
): Promise<Item[]> {
  return await Promise.all(items.map(async (item) => {
    // A message has parts, and so may the output of a tool.
    const field = item.type === "message" ? "content" : "output";
    const content = item[field];
    if (!Array.isArray(content) || !content.some(namesFile)) return item;
    const parts = content.map((part) => namesFile(part) ? withFile(part, files, tenant) : part);
    return { ...item, [field]: await Promise.all(parts) };
  }));
}

type Part = Record<string, unknown>;

function namesFile(part: Part | null): boolean {
  if (part === null || typeof part !== "object") return false;
  const nested = part["file"] as Part | undefined;
  return typeof (part["file_id"] ?? nested?.["file_id"] ?? part["file_url"]) === "string";
}

async function withFile(
  part: Part,
  files: FileContents | undefined,
  tenant: Tenant,
): Promise<Part> {
  const id = part["file_id"] ?? (part["file"] as Part | undefined)?.["file_id"];
  if (typeof id !== "string") {
    throw invalidRequest("Cannot take 'file_url': upload the file and name its 'file_id'", "input");
  }
  const file = await files?.read(tenant, id);
  if (file === undefined) throw notFound("file", id);
  const data = `data:${file.mimeType};base64,${Buffer.from(file.bytes).toString("base64")}`;
  if (part["type"] === "input_image") return { ...part, image_url: data };
  // A text is shown to the model as such: few servers read files.
  if (/^(text\/|application\/json)/.test(file.mimeType)) {
    const text = new TextDecoder().decode(file.bytes);
    return { type: "input_text", text: `${file.filename}:\n${text}` };
  }
  return { type: "input_file", file_data: data, filename: file.filename };
}
