/** Finds the kind of a document and reads its text. */
import { textOfCsv } from "./csv.ts";
import { NoWordDocumentError, textOfDocx } from "./docx.ts";
import { InvalidFileError, UnsupportedFileError } from "./errors.ts";
import { textOfHtml } from "./html.ts";
import { textOfPdf } from "./pdf.ts";

type Reader = (bytes: Uint8Array) => string | Promise<string>;

const READERS: Readonly<Record<string, Reader>> = {
  pdf: textOfPdf,
  docx: textOfDocx,
  zip: textOfZip,
  html: (bytes) => textOfHtml(decoded(bytes)),
  csv: (bytes) => textOfCsv(decoded(bytes)),
  json: (bytes) => textOfJson(decoded(bytes)),
  text: decoded,
};

/** Kinds by the file name's ending; what is not named here is text, if it looks like it. */
const KINDS: Readonly<Record<string, string>> = {
  ".pdf": "pdf",
  ".docx": "docx",
  ".html": "html",
  ".htm": "html",
  ".xhtml": "html",
  ".csv": "csv",
  ".tsv": "csv",
  ".json": "json",
};

/** Kinds by their first bytes, for files whose name says nothing. */
const SIGNATURES: readonly (readonly [string, string])[] = [
  ["%PDF-", "pdf"],
  ["PK\x03\x04", "zip"],
];

/**
 * The text of a file: of pdf, docx, html, csv and json by its structure, of anything else that is UTF-8 or UTF-16 (with
 * a byte order mark) as it stands.
 *
 * @throws {InvalidFileError} when the file is broken or has no text
 * @throws {UnsupportedFileError} when it is binary data of another kind
 */
export async function textOf(bytes: Uint8Array, filename: string): Promise<string> {
  const ending = /\.[^.]+$/.exec(filename.toLowerCase())?.[0] ?? "";
  const start = String.fromCharCode(...bytes.subarray(0, 8));
  const kind = KINDS[ending] ??
    SIGNATURES.find(([signature]) => start.startsWith(signature))?.[1] ?? "text";
  const text = (await READERS[kind]?.(bytes) ?? "").replaceAll("\0", "");
  if (text.trim() === "") throw new InvalidFileError("The file has no text");
  return text;
}

/** Characters that no text has; escape is in logs with colours. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const CONTROL = /[\0-\x08\x0e-\x1a\x1c-\x1f]/;

function decoded(bytes: Uint8Array): string {
  const wide = bytes[0] === 0xff && bytes[1] === 0xfe
    ? "utf-16le"
    : bytes[0] === 0xfe && bytes[1] === 0xff
    ? "utf-16be"
    : undefined;
  try {
    const text = new TextDecoder(wide ?? "utf-8", { fatal: true }).decode(bytes);
    if (!CONTROL.test(text)) return text;
  } catch {
    // Not UTF-8: said below.
  }
  throw new UnsupportedFileError(UNREAD);
}

const UNREAD =
  "The file is neither text (UTF-8, UTF-16) nor of a kind that is read: pdf, docx, html, csv, json";

/** An archive whose name does not say that it is a Word document: pptx and xlsx are such, too. */
function textOfZip(bytes: Uint8Array): string {
  try {
    return textOfDocx(bytes);
  } catch (error) {
    throw error instanceof NoWordDocumentError ? new UnsupportedFileError(UNREAD) : error;
  }
}

/** JSON on one line is broken into many, so that it can be cut between values. */
function textOfJson(text: string): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidFileError(
      `The JSON cannot be read: ${error instanceof Error ? error.message : error}`,
    );
  }
  return text.includes("\n") ? text : JSON.stringify(value, null, 1);
}
