/** The text fields of a `multipart/form-data` body (RFC 7578): audio and image endpoints send one. */
import { Buffer } from "node:buffer";
import type { Span } from "./json_model.ts";

const CRLF = "\r\n";
/** Longest head of one part; real ones hold two or three short lines. */
const MAX_PART_HEAD = 8_192;

/** Returns the boundary of a content type; undefined when it is no `multipart/form-data`. */
export function boundaryOf(contentType: string): string | undefined {
  if (!/^multipart\/form-data\s*;/i.test(contentType.trim())) return undefined;
  const match = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType);
  return match?.[1] ?? match?.[2];
}

/**
 * Returns the place of the value of every text field called `name`, in order; files do not count.
 * Undefined when the body is no whole sequence of parts.
 */
export function fieldSpans(
  bytes: Uint8Array,
  { boundary, name }: { boundary: string; name: string },
): Span[] | undefined {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const delimiter = `--${boundary}`;
  const found: Span[] = [];
  // A preamble may stand before the first delimiter, and is no part.
  let at = body.indexOf(delimiter);
  if (at > 0) at = body.indexOf(CRLF + delimiter) < 0 ? -1 : body.indexOf(CRLF + delimiter) + 2;
  while (at >= 0) {
    at += delimiter.length;
    if (body.toString("latin1", at, at + 2) === "--") return found;
    const lineEnd = body.indexOf(CRLF, at);
    // Only white space may stand between a boundary and its line's end.
    if (lineEnd < 0 || body.toString("latin1", at, lineEnd).trim() !== "") return undefined;
    const headEnd = body.indexOf(CRLF + CRLF, lineEnd);
    if (headEnd < 0 || headEnd - lineEnd > MAX_PART_HEAD) return undefined;
    const next = body.indexOf(CRLF + delimiter, headEnd + 2);
    if (next < 0) return undefined;
    const head = body.toString("utf8", lineEnd, headEnd + 2);
    if (isField(head, name)) found.push({ start: Math.min(headEnd + 4, next), end: next });
    at = next + 2;
  }
  return undefined;
}

function isField(head: string, name: string): boolean {
  const disposition = /\r\ncontent-disposition:\s*form-data([^\r\n]*)/i.exec(head)?.[1] ?? "";
  if (/;\s*filename\*?=/i.test(disposition)) return false;
  const match = /;\s*name=(?:"([^"]*)"|([^\s;]+))/i.exec(disposition);
  return (match?.[1] ?? match?.[2]) === name;
}
