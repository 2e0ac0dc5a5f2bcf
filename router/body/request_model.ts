/** Which model a request's body asks for, whatever shape the body has, and how to ask for another. */
import { CODING_NAMES, codingOf, type ContentCoding } from "./content_coding.ts";
import { memberSpans, type Span, splice } from "./json_model.ts";
import { boundaryOf, fieldSpans } from "./multipart.ts";

/** A body as it came, with what its headers say of it. */
export interface RawBody {
  readonly bytes: Uint8Array;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
}

/** A body that could be read. */
export interface ReadBody {
  readonly kind: "read";
  readonly model: string;
  /** The members of a JSON body; of a long one, those that a decision needs. None for a form. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Returns the members of a JSON body, of a long one as well; none of what is no JSON after all. */
  whole(): Readonly<Record<string, unknown>>;
  /**
   * Returns the body with another model's name in place of its own. Every other byte of it (of what
   * it unpacks to, when it is compressed) stays as it came.
   */
  renamed(model: string): Uint8Array;
}

/** Why a body cannot be routed: a code of the router's refusals, and what to tell the client. */
export interface UnreadBody {
  readonly kind: "unread";
  readonly code: UnreadCode;
  readonly message: string;
}

export type UnreadCode =
  | "invalid_json"
  | "invalid_form"
  | "invalid_encoding"
  | "unsupported_encoding"
  | "missing_model"
  | "request_too_large";

const decoder = new TextDecoder("utf-8", { fatal: true });
const BRACE = 0x7b;

/** Reads a body of at most `limit` bytes, unpacked. Never throws. */
export function readBody(raw: RawBody, limit: number): ReadBody | UnreadBody {
  const coding = codingOf(raw.contentEncoding);
  if (coding === "unknown") {
    return unread(
      "unsupported_encoding",
      `The request's content-encoding cannot be read: use ${CODING_NAMES.join(", ")}, or none`,
    );
  }
  const plain = unpacked(raw.bytes, coding, limit);
  if (!(plain instanceof Uint8Array)) return plain;
  const boundary = boundaryOf(raw.contentType ?? "");
  const read = boundary === undefined ? readJson(plain) : readForm(plain, boundary);
  if (read.kind === "unread" || coding === undefined) return read;
  return {
    ...read,
    renamed: (model) => model === read.model ? raw.bytes : coding.encode(read.renamed(model)),
  };
}

function unpacked(
  bytes: Uint8Array,
  coding: ContentCoding | undefined,
  limit: number,
): Uint8Array | UnreadBody {
  try {
    return coding === undefined ? bytes : coding.decode(bytes, limit);
  } catch (error) {
    return error instanceof RangeError
      ? unread(
        "request_too_large",
        `The request's body is too large: this gateway takes ${limit} bytes, unpacked`,
      )
      : unread("invalid_encoding", "The request's body is not what its content-encoding says");
  }
}

/** Bodies longer than this are looked through for what a decision needs, and not parsed: whoever answers them does that. */
const PARSED_BYTES = 1_048_576;
/** The members that are read of such a body, each where it is a text. */
const SKIMMED = ["model", "previous_response_id", "prompt_cache_key"] as const;

function readJson(bytes: Uint8Array): ReadBody | UnreadBody {
  if (bytes.length > PARSED_BYTES) return skimmed(bytes);
  let body: unknown;
  try {
    body = JSON.parse(decoder.decode(bytes));
  } catch {
    return unread("invalid_json", "The request's body is not valid JSON");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return unread("invalid_json", "The request's body is not a JSON object");
  }
  return asked(bytes, body as Record<string, unknown>);
}

function skimmed(bytes: Uint8Array): ReadBody | UnreadBody {
  const first = bytes.subarray(0, bytes.indexOf(BRACE) + 1);
  if (first.length === 0 || decoder.decode(first).trim() !== "{") {
    return unread("invalid_json", "The request's body is not a JSON object");
  }
  try {
    const members = SKIMMED.flatMap((name) => {
      const [span] = memberSpans(bytes, name);
      return span === undefined
        ? []
        : [[name, JSON.parse(decoder.decode(bytes.subarray(span.start, span.end)))]];
    });
    return asked(bytes, Object.fromEntries(members));
  } catch {
    return unread("invalid_json", "The request's body is not valid JSON");
  }
}

function asked(
  bytes: Uint8Array,
  members: Readonly<Record<string, unknown>>,
): ReadBody | UnreadBody {
  const { model } = members;
  if (typeof model !== "string" || model === "") {
    return unread("missing_model", 'The request\'s body must have "model", a text');
  }
  const [span, second] = memberSpans(bytes, "model");
  // Parsers differ in which of two they take: the router must not see another than the backend.
  if (span === undefined || second !== undefined) {
    return unread("invalid_json", 'The request\'s body has "model" more than once');
  }
  return {
    kind: "read",
    model,
    members,
    whole: () => bytes.length > PARSED_BYTES ? membersOf(bytes) : members,
    renamed: (other) => other === model ? bytes : splice(bytes, span, JSON.stringify(other)),
  };
}

function membersOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch {
    return {};
  }
}

function readForm(bytes: Uint8Array, boundary: string): ReadBody | UnreadBody {
  const spans = fieldSpans(bytes, { boundary, name: "model" });
  if (spans === undefined) {
    return unread("invalid_form", "The request's body is not the multipart/form-data it says");
  }
  const [span, second] = spans;
  if (second !== undefined) {
    return unread("invalid_form", 'The request\'s form has "model" more than once');
  }
  const model = span === undefined ? "" : textOf(bytes, span);
  if (span === undefined || model === "") {
    return unread("missing_model", 'The request\'s form must have a field "model"');
  }
  return {
    kind: "read",
    model,
    members: {},
    whole: () => ({}),
    renamed: (other) => other === model ? bytes : splice(bytes, span, other),
  };
}

/** A field's text; empty when it is no UTF-8, which names no model. */
function textOf(bytes: Uint8Array, { start, end }: Span): string {
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    return "";
  }
}

function unread(code: UnreadCode, message: string): UnreadBody {
  return { kind: "unread", code, message };
}
