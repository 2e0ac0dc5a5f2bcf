/** The format of recordings. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { isCredentialHeader, redactedTarget, UsageError } from "../../service/mod.ts";

/** Bytes as they can be reviewed: text when they are UTF-8, else base64. */
export type Content = { readonly text: string } | { readonly base64: string };

/** One chunk of a recorded answer. */
export type RecordedChunk = Content & {
  /** Milliseconds after the request was sent. */
  readonly t: number;
};

/** One exchange with a real upstream. */
export interface Recording {
  readonly request: {
    readonly method: string;
    /** Path with query. */
    readonly target: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: Content;
  };
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    /** Milliseconds after the request was sent. */
    readonly t: number;
  };
  readonly chunks: readonly RecordedChunk[];
}

/** The only request headers that are stored: everything else may hold a secret or an id. */
const KEPT_REQUEST_HEADERS = new Set([
  "accept",
  "anthropic-beta",
  "anthropic-version",
  "content-type",
  "openai-beta",
  "user-agent",
]);

/** Response headers that are not stored: secrets, ids of people and requests, and framing. */
const DROPPED_RESPONSE_HEADERS =
  /^(set-cookie|cookie|authorization|www-authenticate|.*api-?key.*|openai-(organization|project)|x-request-id|request-id|cf-ray|date|server|via|alt-svc|report-to|nel|content-length|transfer-encoding|connection|keep-alive|content-encoding)$/i;

/** Returns the request headers that may be stored. */
export function keptRequestHeaders(
  headers: Iterable<readonly [string, string]>,
): [string, string][] {
  return [...headers].map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => KEPT_REQUEST_HEADERS.has(name));
}

/** Returns the response headers that may be stored. */
export function keptResponseHeaders(
  headers: Iterable<readonly [string, string]>,
): [string, string][] {
  return [...headers].map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !DROPPED_RESPONSE_HEADERS.test(name) && !isCredentialHeader(name));
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Returns bytes as text if that loses nothing, else as base64. */
export function contentOf(bytes: Uint8Array): Content {
  try {
    return { text: strict.decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}

/** Returns the bytes of stored content. */
export function bytesOf(content: Content): Uint8Array {
  return "text" in content
    ? new TextEncoder().encode(content.text)
    : new Uint8Array(Buffer.from(content.base64, "base64"));
}

/**
 * Returns the key of a request: method, target without credentials, and the body; for JSON whatever the order of
 * its keys and its blanks.
 */
export function requestKey(method: string, target: string, body: Uint8Array): string {
  const hash = createHash("sha256").update(`${method} ${redactedTarget(target)}\n`);
  return hash.update(canonical(body)).digest("hex");
}

/** Returns a JSON body with sorted keys; other bodies as they are. */
export function canonical(body: Uint8Array): string | Uint8Array {
  try {
    return JSON.stringify(sorted(JSON.parse(strict.decode(body))));
  } catch {
    return body;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

/** Returns the file name of a recording: readable first, unique by its key. */
export function fileName(recording: Recording): string {
  const { method, target, body } = recording.request;
  const key = requestKey(method, target, bytesOf(body));
  const words = `${method}-${target.split("?")[0]}`.replace(/[^A-Za-z0-9]+/g, "-").toLowerCase();
  return `${words.replace(/^-|-$/g, "")}-${key.slice(0, 12)}.jsonl`;
}

/** Writes a recording as JSON lines: the request, the head of the answer, then chunk by chunk. */
export function formatRecording(recording: Recording): string {
  const lines = [
    { llmgate: "recording/v1", request: recording.request },
    { response: recording.response },
    ...recording.chunks,
  ];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

const CONTENT = z.union([
  z.strictObject({ text: z.string() }),
  z.strictObject({ base64: z.base64() }),
]);
const HEADERS = z.array(z.tuple([z.string(), z.string()]));
const REQUEST = z.strictObject({
  llmgate: z.literal("recording/v1"),
  request: z.strictObject({
    method: z.string(),
    target: z.string(),
    headers: HEADERS,
    body: CONTENT,
  }),
});
const RESPONSE = z.strictObject({
  response: z.strictObject({
    status: z.number().int().min(100).max(999),
    headers: HEADERS,
    t: z.number().min(0),
  }),
});
const CHUNK = z.union([
  z.strictObject({ t: z.number().min(0), text: z.string() }),
  z.strictObject({ t: z.number().min(0), base64: z.base64() }),
]);

/**
 * Reads a recording.
 *
 * @throws {UsageError} `file:line:column: what was expected`
 */
export function parseRecording(text: string, file: string): Recording {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  const read = <T>(index: number, schema: z.ZodType<T>): T => {
    const at = `${file}:${index + 1}:1`;
    let json: unknown;
    try {
      json = JSON.parse(lines[index] ?? "");
    } catch {
      throw new UsageError(`${at}: Cannot read the recording: a line of JSON expected`);
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    const place = issue?.path.length ? ` at "${issue.path.join(".")}"` : "";
    throw new UsageError(`${at}: Cannot read the recording${place}: ${issue?.message}`);
  };
  return {
    request: read(0, REQUEST).request,
    response: read(1, RESPONSE).response,
    chunks: lines.slice(2).map((_, i) => read(i + 2, CHUNK)),
  };
}
