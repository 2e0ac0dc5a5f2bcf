/** Uploaded files, whole, for messages that name them. */
import type { Tenant } from "../api/tenant.ts";
import { invalidRequest } from "../api/errors.ts";
import type { Blobs } from "../blobs/blobs.ts";
import type { Store } from "../store/store.ts";

/** Reads uploaded files, for messages that name them by id. */
export interface FileContents {
  /**
   * Undefined when the tenant has no such file.
   *
   * @throws {ApiError} 400 for one that is too long to be shown to a model
   */
  read(tenant: Tenant, fileId: string): Promise<
    { readonly filename: string; readonly mimeType: string; readonly bytes: Uint8Array } | undefined
  >;
}

/** The longest file that a request may name, in bytes (API reference, "File inputs": 50 MB). */
const MAX_BYTES = 50_000_000;

/** Returns the reader over store and blobs. */
export function fileContents(store: Pick<Store, "files">, blobs: Pick<Blobs, "get">): FileContents {
  return {
    async read(tenant, fileId) {
      const found = await store.files.get(tenant, fileId);
      if (found === undefined) return undefined;
      const { filename, mime_type: mimeType, bytes: size } = found.file;
      if (size > MAX_BYTES) {
        throw invalidRequest(
          `The file '${fileId}' has ${size} bytes, and a request takes ${MAX_BYTES}: search it with 'file_search'`,
          "input",
        );
      }
      const body = await blobs.get(found.blob);
      if (body === undefined) return undefined;
      return { filename, mimeType, bytes: new Uint8Array(await new Response(body).arrayBuffer()) };
    },
  };
}
