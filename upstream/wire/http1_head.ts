/** A parsed HTTP/1.x request head. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  readonly version: "1.0" | "1.1";
  /** As received: order, case and duplicates kept; optional whitespace around values removed. */
  readonly headers: [string, string][];
  /** How the body is framed (RFC 9112 section 6.3). */
  readonly body: { kind: "none" } | { kind: "length"; length: number } | { kind: "chunked" };
  readonly keepAlive: boolean;
  readonly expectContinue: boolean;
}

/** The request head cannot be served; the message is the evidence. */
export class HeadError extends Error {
  override readonly name = "HeadError";
  /** The status to answer with. */
  readonly status: number;

  constructor(message: string, status = 400) {
    super(message);
    this.status = status;
  }
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const REQUEST_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\s]+) HTTP\/(1\.[01])$/;
// deno-lint-ignore no-control-regex -- RFC 9110 section 5.5 names these octets
const FORBIDDEN_IN_VALUE = /[\0-\x08\x0a-\x1f\x7f]/;

/**
 * Parses a request head (`text`: one character per byte, without the final empty line), strictly:
 * what RFC 9112 lets a server refuse is refused, because the mock is the witness that a gateway
 * let nothing ambiguous through.
 *
 * @throws {HeadError} saying what is wrong
 */
export function parseRequestHead(text: string): RequestHead {
  const lines = text.split("\r\n");
  const line = REQUEST_LINE.exec(lines[0] ?? "");
  if (!line) throw new HeadError(`Malformed request line: "${(lines[0] ?? "").slice(0, 80)}"`);
  const version = line[3] === "1.1" ? "1.1" : "1.0";
  const headers: [string, string][] = [];
  for (let i = 1; i < lines.length; i++) headers.push(parseField(lines[i] ?? ""));
  const connection = valuesOf(headers, "connection");
  const hosts = headers.filter(([name]) => name.toLowerCase() === "host").length;
  if (hosts > 1 || (hosts === 0 && version === "1.1")) {
    throw new HeadError(`Exactly one Host header expected: there are ${hosts}`);
  }
  return {
    method: line[1] ?? "",
    target: line[2] ?? "",
    version,
    headers,
    body: framing(headers, version),
    keepAlive: version === "1.1"
      ? !connection.includes("close")
      : connection.includes("keep-alive"),
    expectContinue: valuesOf(headers, "expect").includes("100-continue"),
  };
}

/** Without the blanks around it (RFC 9112 section 5), in one pass over whatever a client sent. */
function withoutBlanks(value: string): string {
  const isBlank = (at: number) => value[at] === " " || value[at] === "\t";
  let [from, to] = [0, value.length];
  while (from < to && isBlank(from)) from++;
  while (to > from && isBlank(to - 1)) to--;
  return value.slice(from, to);
}

function parseField(line: string): [string, string] {
  const colon = line.indexOf(":");
  const name = colon < 0 ? line : line.slice(0, colon);
  if (colon < 0 || !TOKEN.test(name)) {
    const reason = /^[ \t]/.test(line) ? "obsolete line folding" : "malformed field line";
    throw new HeadError(`Malformed header: ${reason}: "${line.slice(0, 80)}"`);
  }
  const value = withoutBlanks(line.slice(colon + 1));
  if (FORBIDDEN_IN_VALUE.test(value)) {
    throw new HeadError(`Malformed header: control character in the value of "${name}"`);
  }
  return [name, value];
}

/** The comma-separated, lower-cased values of every line of a header. */
function valuesOf(headers: [string, string][], name: string): string[] {
  const values: string[] = [];
  for (const [key, value] of headers) {
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    for (const part of value.split(",")) values.push(part.trim().toLowerCase());
  }
  return values;
}

function framing(headers: [string, string][], version: string): RequestHead["body"] {
  const encodings = valuesOf(headers, "transfer-encoding");
  const lengths = valuesOf(headers, "content-length");
  if (encodings.length > 0) {
    // RFC 9112 section 6.1: both together is a smuggling attempt or an error.
    if (lengths.length > 0) {
      throw new HeadError("Ambiguous framing: both Transfer-Encoding and Content-Length");
    }
    if (version === "1.0") throw new HeadError("Transfer-Encoding in an HTTP/1.0 request");
    if (encodings.length > 1 || encodings[0] !== "chunked") {
      throw new HeadError(`Transfer-Encoding not understood: "${encodings.join(", ")}"`, 501);
    }
    return { kind: "chunked" };
  }
  const first = lengths[0];
  if (first === undefined) return { kind: "none" };
  if (lengths.length > 1) throw new HeadError("Ambiguous framing: more than one Content-Length");
  if (!/^[0-9]{1,15}$/.test(first)) throw new HeadError(`Malformed Content-Length: "${first}"`);
  return first === "0" ? { kind: "none" } : { kind: "length", length: Number(first) };
}
