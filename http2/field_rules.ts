/** Header fields that RFC 9113 calls malformed (sections 8.1.1, 8.2 and 8.3). */
import type { HeaderList } from "./hpack.ts";

/** Section 8.2.2: fields that belong to a connection of HTTP/1.1. */
const CONNECTION_FIELD = /^(connection|keep-alive|proxy-connection|transfer-encoding|upgrade)$/;

/** Section 8.3.1: the pseudo-header fields of a request. */
const KNOWN = /^:(method|scheme|path|authority)$/;

/** A request's fields, read once. */
export interface RequestFields {
  /** Why the request is malformed; undefined for one that is not. */
  readonly malformed: string | undefined;
  /** Bytes of body that `content-length` promises; undefined without it. */
  readonly contentLength: number | undefined;
}

const GOOD: RequestFields = { malformed: undefined, contentLength: undefined };

/** Reads a request's header list (section 8.3.1). */
export function requestFields(list: HeaderList): RequestFields {
  let method: string | undefined;
  let scheme: string | undefined;
  let path: string | undefined;
  let authority: string | undefined;
  let host: string | undefined;
  let contentLength: number | undefined;
  let regular = false;
  const bad = (malformed: string) => ({ malformed, contentLength: undefined });
  for (let i = 0; i < list.length; i++) {
    const field = list[i];
    if (field === undefined) continue;
    const name = field[0];
    const value = field[1];
    if (name.charCodeAt(0) !== COLON) {
      regular = true;
      const wrong = fieldError(name, value);
      if (wrong !== undefined) return bad(wrong);
      if (name === "content-length") {
        const length = /^\d{1,15}$/.test(value) ? Number(value) : undefined;
        if (length === undefined) return bad("content-length is no number");
        if ((contentLength ?? length) !== length) return bad("content-length twice, and different");
        contentLength = length;
      } else if (name === "host") host = value;
      continue;
    }
    if (regular) return bad(`pseudo-header field "${clip(name)}" behind a regular one`);
    if (BAD_VALUE.test(value)) return bad(`a value of "${clip(name)}" that no field may have`);
    // Without a list of names: this runs four times per request.
    if (name === ":method" && method === undefined) method = value;
    else if (name === ":scheme" && scheme === undefined) scheme = value;
    else if (name === ":path" && path === undefined) path = value;
    else if (name === ":authority" && authority === undefined) authority = value;
    else if (KNOWN.test(name)) return bad(`pseudo-header field "${name}" twice`);
    else return bad(`unknown pseudo-header field "${clip(name)}"`);
  }
  const wrong = targetError({ method, scheme, path, authority, host });
  if (wrong !== undefined) return bad(wrong);
  return contentLength === undefined ? GOOD : { malformed: undefined, contentLength };
}

/** Why an answer's header list is malformed (section 8.3.2); undefined for one that is not. */
export function responseError(list: HeaderList): string | undefined {
  let status: string | undefined;
  let regular = false;
  for (const [name, value] of list) {
    if (name.charCodeAt(0) !== COLON) {
      regular = true;
      const wrong = fieldError(name, value);
      if (wrong !== undefined) return wrong;
    } else if (name !== ":status" || status !== undefined || regular) {
      return `pseudo-header field "${clip(name)}" out of place`;
    } else status = value;
  }
  return /^[1-5]\d\d$/.test(status ?? "") ? undefined : "no :status";
}

/** Why trailers are malformed (section 8.1); undefined for those that are not. */
export function trailersError(list: HeaderList): string | undefined {
  for (const [name, value] of list) {
    if (name.charCodeAt(0) === COLON) return `pseudo-header field "${clip(name)}" in trailers`;
    const wrong = fieldError(name, value);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

const COLON = 0x3a;

interface RequestTarget {
  readonly method: string | undefined;
  readonly scheme: string | undefined;
  readonly path: string | undefined;
  readonly authority: string | undefined;
  readonly host: string | undefined;
}

function targetError(target: RequestTarget): string | undefined {
  const { method, scheme, path, authority, host } = target;
  if (!method) return "no :method";
  if (method === "CONNECT") {
    if (scheme !== undefined || path !== undefined) return "CONNECT with :scheme or :path";
    return authority ? undefined : "CONNECT without :authority";
  }
  if (!scheme) return "no :scheme";
  if (!path) return "no :path";
  if (path.charCodeAt(0) !== 0x2f && !(path === "*" && method === "OPTIONS")) {
    return ":path does not start with /";
  }
  if (authority?.includes("@")) return ":authority with userinfo";
  return authority === undefined || host === undefined || host === authority
    ? undefined
    : "host is not :authority";
}

/** Section 8.2.1: no upper case, no control, space or byte above ASCII, no colon. */
const FIELD_NAME = /^[!-9;-@[-~]+$/;

/** Section 8.2.1: NUL, LF or CR anywhere, or a blank at either end. */
const BAD_VALUE = /[\0\n\r]|^[ \t]|[ \t]$/;

/** Why a regular field is malformed (sections 8.2.1 and 8.2.2). */
function fieldError(name: string, value: string): string | undefined {
  if (!FIELD_NAME.test(name)) {
    return `field name "${clip(name)}" has characters that none may have`;
  }
  if (BAD_VALUE.test(value)) return `a value of "${clip(name)}" that no field may have`;
  if (name === "te") return value === "trailers" ? undefined : 'te is not "trailers"';
  // A set would have every name hashed.
  return CONNECTION_FIELD.test(name) ? `connection-specific field "${name}"` : undefined;
}

/** Longest piece of a name that an error repeats, characters. */
const MAX_NAME = 80;

function clip(name: string): string {
  return name.length <= MAX_NAME ? name : `${name.slice(0, MAX_NAME)}…`;
}
