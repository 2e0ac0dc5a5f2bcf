/** The resource `/v1/files`. */
import { Hono } from "hono";
import { z } from "zod";
import { ApiError, invalidRequest, notFound } from "../api/errors.ts";
import { newId } from "../api/id.ts";
import { FILE_PURPOSES, type FileObject, type FilePurpose } from "../api/objects.ts";
import { listBody } from "../api/page.ts";
import {
  checked,
  deleted,
  type Operations,
  pageOfRequest,
  type Resource,
  type RouteEnv,
} from "../api/resource.ts";
import { type Blobs, BlobTooLarge } from "../blobs/blobs.ts";
import type { Store, StoredFile } from "../store/store.ts";
import { type FilePart, readUpload, type Upload } from "./upload.ts";

/** 512 MiB (API reference, "Upload file"). */
export const MAX_FILE_BYTES = 512 * 1024 * 1024;

const MIME_TYPE = /^[\w.+-]+\/[\w.+-]+$/;
const UNKNOWN_TYPE = "application/octet-stream";

/** How long an upload may take before its bytes count as given up, in seconds. */
const UPLOAD_S = 3600;

/** Files for `batch` expire after 30 days when nothing is said (API reference, "expires_after"). */
const BATCH_EXPIRY_S = 2_592_000;

const fieldsSchema = z.object({
  purpose: z.enum(FILE_PURPOSES, `must be one of ${FILE_PURPOSES.join(", ")}`),
  "expires_after[anchor]": z.literal("created_at", 'must be "created_at"').optional(),
  // An hour to thirty days (API reference, "expires_after").
  "expires_after[seconds]": z.coerce.number().int("must be a whole number")
    .min(3600, "must be at least 3600").max(2_592_000, "must be at most 2592000").optional(),
});

/** Options of the files resource. */
export interface FilesOptions {
  readonly store: Pick<Store, "files">;
  readonly blobs: Blobs;
  /** Unix seconds. */
  readonly now: () => number;
  /** In bytes; 512 MiB when left out. */
  readonly maxBytes?: number;
}

const OPERATIONS: Operations = {
  "POST /": { summary: "Upload a file", form: fieldsSchema },
  "GET /": {
    summary: "List files",
    list: true,
    query: { purpose: "Only files for this purpose" },
  },
  "GET /:id": { summary: "Get what is known of a file" },
  "GET /:id/content": { summary: "Get a file's bytes", answers: ["application/octet-stream"] },
  "DELETE /:id": { summary: "Delete a file; it leaves the vector stores too" },
};

/** `/v1/files`. Bytes flow to and from the blob store; none is held as a whole. */
export function files(options: FilesOptions): Resource {
  const { store, blobs } = options;
  const routes = new Hono<RouteEnv>();
  const rows = store.files;

  routes.post("/", async (context) => {
    const file = await upload(context.req.raw, context.get("tenant"), options);
    return context.json(file);
  });
  routes.get("/", async (context) => {
    const purpose = context.req.query("purpose");
    const page = await rows.list(context.get("tenant"), pageOfRequest(context), {
      ...(purpose ? { purpose: purpose as FilePurpose } : {}),
    });
    return context.json(listBody(page));
  });
  routes.get("/:id", async (context) => {
    const id = context.req.param("id");
    return context.json(found(id, await rows.get(context.get("tenant"), id)).file);
  });
  routes.get("/:id/content", async (context) => {
    const id = context.req.param("id");
    const { file, blob } = found(id, await rows.get(context.get("tenant"), id));
    const body = await blobs.get(blob);
    // It was deleted between the two reads.
    if (body === undefined) throw notFound("file", id);
    return new Response(body, { headers: contentHeaders(file) });
  });
  routes.delete("/:id", async (context) => {
    const id = context.req.param("id");
    if (!await rows.delete(context.get("tenant"), id)) throw notFound("file", id);
    return context.json(deleted(id, "file"));
  });
  return { path: "/v1/files", routes, operations: OPERATIONS };
}

function found(id: string, file: StoredFile | undefined): StoredFile {
  if (file === undefined) throw notFound("file", id);
  return file;
}

/** A part that arrived, and its size. */
interface Kept extends FilePart {
  readonly bytes: number;
}

async function upload(
  request: Request,
  tenant: string,
  { store, blobs, now, maxBytes = MAX_FILE_BYTES }: FilesOptions,
): Promise<FileObject> {
  const id = newId("file");
  // Should this process die in between, the bytes are found by their reservation.
  await store.files.reserve(id, now() + UPLOAD_S);
  const file = await keep(request, id, { blobs, now, maxBytes }).catch(async (error) => {
    await blobs.delete(id);
    await store.files.forget(id);
    throw error;
  });
  if (await store.files.create(tenant, { file, blob: id })) return file;
  throw new ApiError(408, "upload_timeout", "The upload took longer than an hour");
}

async function keep(
  request: Request,
  id: string,
  { blobs, now, maxBytes }: Required<Omit<FilesOptions, "store">>,
): Promise<FileObject> {
  try {
    const form = await readUpload(request, async (body, part): Promise<Kept> => ({
      ...part,
      bytes: await blobs.put(id, body, maxBytes),
    }));
    return fileOf(id, form, now());
  } catch (error) {
    if (!(error instanceof BlobTooLarge)) throw error;
    throw new ApiError(413, "file_too_large", `A file has at most ${maxBytes} bytes`, "file");
  }
}

function fileOf(id: string, { fields, file }: Upload<Kept>, now: number): FileObject {
  if (file === undefined || file.filename === "") {
    throw invalidRequest("'file' is required, with a filename", "file");
  }
  const { purpose, ...said } = checked(Object.fromEntries(fields), fieldsSchema);
  const seconds = said["expires_after[seconds]"];
  if ((seconds === undefined) !== (said["expires_after[anchor]"] === undefined)) {
    throw invalidRequest("'expires_after' needs both anchor and seconds", "expires_after");
  }
  const lives = seconds ?? (purpose === "batch" ? BATCH_EXPIRY_S : undefined);
  return {
    id,
    object: "file",
    bytes: file.bytes,
    created_at: now,
    expires_at: lives === undefined ? null : now + lives,
    filename: file.filename,
    purpose,
    status: "uploaded",
    status_details: null,
    mime_type: MIME_TYPE.test(file.mimeType) ? file.mimeType : UNKNOWN_TYPE,
  };
}

/** The file is for saving: nothing in it may run as a page of this server. */
function contentHeaders({ bytes, filename, mime_type }: FileObject): Record<string, string> {
  return {
    "content-type": mime_type,
    "content-length": String(bytes),
    "content-disposition": `attachment; filename*=UTF-8''${extendedValue(filename)}`,
    "x-content-type-options": "nosniff",
  };
}

/** RFC 5987, section 3.2.1: four marks that encodeURIComponent() leaves are no attr-char. */
function extendedValue(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
