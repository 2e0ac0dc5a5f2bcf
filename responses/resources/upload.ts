/** Reads a form that uploads one file. */
import { invalidRequest } from "../api/errors.ts";
import { boundaryOf, type Part, readParts } from "./multipart.ts";

/** A form's description of the file in it. */
export type FilePart = Pick<Part, "mimeType"> & { readonly filename: string };

/** A form that was read to its end. */
export interface Upload<T> {
  readonly fields: ReadonlyMap<string, string>;
  /** Result for the part named `file`; undefined when there is none. */
  readonly file: T | undefined;
}

/** The API has four fields, all of them short. */
const MAX_FIELDS = 50;
const MAX_FIELD_BYTES = 65_536;

/**
 * Reads a form as it arrives: the part named `file` goes to `take` as a stream, at the pace that `take` reads it, and
 * is never held as a whole.
 *
 * @throws {ApiError} 400 when the body is no form, or ends early; by then `take` may have been called
 */
export async function readUpload<T>(
  request: Request,
  take: (body: ReadableStream<Uint8Array>, part: FilePart) => Promise<T>,
): Promise<Upload<T>> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  if (boundary === undefined || request.body === null) {
    throw invalidRequest(
      "The body must be multipart/form-data with the parts 'file' and 'purpose'",
    );
  }
  const fields = new Map<string, string>();
  let file: T | undefined;
  for await (const { name, filename, mimeType, body } of readParts(request.body, boundary)) {
    if (filename === undefined) {
      if (fields.size >= MAX_FIELDS) throw invalidRequest("The form has too many fields");
      fields.set(name, await textOf(name, body));
    } else if (name === "file" && file === undefined) {
      file = await take(ReadableStream.from(body), { filename, mimeType });
    }
  }
  return { fields, file };
}

async function textOf(name: string, body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_FIELD_BYTES) throw invalidRequest(`'${name}' is too long`, name);
  }
  return text + decoder.decode();
}
