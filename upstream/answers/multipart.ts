import { RequestError } from "./answer.ts";

/** One part of a multipart body (RFC 7578). */
export interface FormPart {
  readonly name: string;
  readonly filename?: string;
  readonly contentType?: string;
  readonly bytes: Uint8Array;
}

const decoder = new TextDecoder();
/** Longest head of one part. */
const PART_HEAD_LIMIT = 16 * 1024;

/**
 * Cuts a multipart/form-data body into its parts, byte for byte.
 *
 * @throws {RequestError} 400 when the body is not one
 */
export function parseMultipart(bytes: Uint8Array, contentType: string): FormPart[] {
  const boundary = /^multipart\/form-data\s*;.*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  if (!boundary) {
    throw new RequestError(
      `Invalid Content-Type: expected "multipart/form-data" with a boundary: got "${contentType}"`,
    );
  }
  const mark = new TextEncoder().encode(`--${boundary[1] ?? boundary[2]}`);
  const parts: FormPart[] = [];
  let at = find(bytes, mark, 0);
  while (at >= 0) {
    const from = at + mark.length;
    if (bytes[from] === 45 && bytes[from + 1] === 45) return parts;
    const next = find(bytes, mark, from);
    if (next < 0) break;
    // The CRLF before a boundary belongs to the boundary (RFC 2046 section 5.1.1).
    parts.push(parsePart(bytes.subarray(from + 2, next - 2)));
    at = next;
  }
  throw new RequestError("Could not parse the multipart form: its closing boundary is missing");
}

/** Returns the part of that name. */
export function partOf(parts: readonly FormPart[], name: string): FormPart {
  const part = parts.find((candidate) => candidate.name === name);
  if (part) return part;
  throw new RequestError(`Missing required parameter: '${name}'.`, {
    param: name,
    code: "missing_required_parameter",
  });
}

/** Returns a field's text, or `undefined` when there is no such field. */
export function fieldOf(parts: readonly FormPart[], name: string): string | undefined {
  const part = parts.find((candidate) => candidate.name === name);
  return part && decoder.decode(part.bytes);
}

function parsePart(part: Uint8Array): FormPart {
  const end = find(part.subarray(0, PART_HEAD_LIMIT), new Uint8Array([13, 10, 13, 10]), 0);
  if (end < 0) throw new RequestError("Could not parse the multipart form: a part has no head");
  const head = decoder.decode(part.subarray(0, end));
  const parameter = (name: string) =>
    new RegExp(`[;\\s]${name}="((?:[^"\\\\]|\\\\.)*)"`, "i").exec(head)?.[1];
  const filename = parameter("filename");
  const contentType = /^content-type:\s*(.+)$/im.exec(head)?.[1]?.trim();
  return {
    name: parameter("name") ?? "",
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
    bytes: part.subarray(end + 4),
  };
}

function find(bytes: Uint8Array, part: Uint8Array, from: number): number {
  const first = part[0] ?? 0;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < part.length && bytes[at + i] === part[i]) i++;
    if (i === part.length) return at;
  }
  return -1;
}
