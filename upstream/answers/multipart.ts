/** Reads forms with files (multipart/form-data, RFC 7578). */
import { messageOf } from "../../service/mod.ts";
import { RequestError } from "./request_error.ts";

/** One file of a form. */
export interface FormFile {
  readonly filename: string;
  readonly contentType: string | undefined;
  readonly bytes: Uint8Array;
}

/** A form that was read. */
export interface Form {
  /** @throws {RequestError} 400 when the form has no such file */
  file(name: string): FormFile;
  /** @throws {RequestError} 400 when the form has no such field */
  text(name: string): string;
  /** Returns a field's text, or `undefined` when there is no such field. */
  optional(name: string): string | undefined;
}

/**
 * Reads a form, its files byte for byte.
 *
 * @throws {RequestError} 400 when the body is none
 */
export async function readForm(bytes: Uint8Array, contentType: string): Promise<Form> {
  if (!/^multipart\/form-data\s*;.*boundary=/i.test(contentType)) {
    throw new RequestError(
      `Invalid Content-Type: expected "multipart/form-data" with a boundary: got "${contentType}"`,
    );
  }
  const fields = new Map<string, string>();
  const files = new Map<string, FormFile>();
  let form: FormData;
  try {
    form = await new Response(bytes as Uint8Array<ArrayBuffer>, {
      headers: { "content-type": contentType },
    }).formData();
  } catch (error) {
    throw new RequestError(`Could not parse the multipart form: ${messageOf(error)}`);
  }
  for (const [name, value] of form) {
    if (typeof value === "string") fields.set(name, value);
    else {
      files.set(name, {
        filename: value.name,
        contentType: value.type || undefined,
        bytes: await value.bytes(),
      });
    }
  }
  const wanted = <T>(value: T | undefined, param: string): T => {
    if (value !== undefined) return value;
    throw new RequestError(`Missing required parameter: '${param}'.`, {
      param,
      code: "missing_required_parameter",
    });
  };
  return {
    file: (name) => wanted(files.get(name), name),
    text: (name) => wanted(fields.get(name), name),
    optional: (name) => fields.get(name),
  };
}
