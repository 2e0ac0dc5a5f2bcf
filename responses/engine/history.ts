/** What the model is told of earlier turns, and the files that a request names. */
import { Buffer } from "node:buffer";
import { ApiError, invalidRequest, notFound } from "../api/errors.ts";
import type { Item } from "../api/objects.ts";
import type { CreateRequest } from "../api/request.ts";
import type { Tenant } from "../api/tenant.ts";
import type { Store } from "../store/store.ts";
import type { FileContents } from "./file_contents.ts";

/** Turns that one chain may have; beyond it, something must be wrong. */
const MAX_TURNS = 1_000;

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
): Promise<readonly Item[]> {
  if (conversation !== undefined) {
    const items = await store.conversations.history(tenant, conversation);
    if (items === undefined) throw notFound("conversation", conversation);
    return items;
  }
  const turns: Item[][] = [];
  let id = previous_response_id;
  while (typeof id === "string" && turns.length < MAX_TURNS) {
    const turn = await store.responses.get(tenant, id);
    // An earlier turn may have been deleted since; the one that is named must be there.
    if (turn === undefined && turns.length > 0) break;
    if (turn === undefined) throw unknownPrevious(id);
    turns.unshift([...turn.input, ...turn.response.output]);
    id = turn.response["previous_response_id"] as string | null | undefined;
  }
  return turns.flat();
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
 * Leaves out references to items that the history holds anyway.
 *
 * @throws {ApiError} 404 for a reference to anything else
 */
export function withoutReferences<T extends Item>(
  input: readonly T[],
  history: readonly Item[],
): T[] {
  return input.filter((item) => {
    if (item.type !== "item_reference") return true;
    if (!history.some(({ id }) => id === item.id)) throw notFound("item", String(item.id));
    return false;
  });
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
    const content = item["content"];
    if (item.type !== "message" || !Array.isArray(content) || !content.some(namesFile)) return item;
    const parts = content.map((part) => namesFile(part) ? withFile(part, files, tenant) : part);
    return { ...item, content: await Promise.all(parts) };
  }));
}

type Part = Record<string, unknown>;

function namesFile(part: Part): boolean {
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
