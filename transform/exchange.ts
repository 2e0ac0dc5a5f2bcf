/** One request on its way through the steps, and the handling of its answer. */
import { isTooDeep, type Json, MAX_JSON_DEPTH, type OpenAiErrorInit } from "../openai/mod.ts";
import { unescaped } from "./detect/unescaped.ts";
import { duplicateKey, hidesValues } from "./duplicate_keys.ts";
import { encodeAs } from "./numbers.ts";

export type JsonObject = { [key: string]: Json };

/** Header by which policy names the tenant; a client's own is removed at the edge. */
export const TENANT_HEADER = "x-tenant";
const VERSION_HEADER = "x-llm-policy-version";

/** A request that a step may change. */
export class RequestDraft {
  readonly method: string;
  /** Path and query, as they go to the upstream. */
  path: string;
  /** The same as the client asked for it. */
  readonly asked: string;
  readonly tenant: string;
  readonly policyVersion: string;
  readonly requestId: string;
  /** The body as it came. */
  readonly bytes: Uint8Array;
  /** The body when it is a JSON object, whatever its type says; a step that changes it sets `changed`. */
  readonly json: JsonObject | undefined;
  changed = false;
  /** Whether the answer belongs to this one request alone, so that no other may get it. */
  isPrivate = false;
  /** Headers to set on the request. */
  readonly set = new Map<string, string>();
  /** Headers to set on the answer. */
  readonly answerHeaders = new Map<string, string>();
  readonly #headers: ReadonlyMap<string, string>;
  readonly #isTooDeep: boolean;

  constructor(headers: ReadonlyMap<string, string>, bytes: Uint8Array) {
    this.#headers = headers;
    this.bytes = bytes;
    this.method = headers.get(":method") ?? "";
    this.path = headers.get(":path") ?? "";
    this.asked = this.path;
    this.tenant = headers.get(TENANT_HEADER) ?? "";
    this.policyVersion = headers.get(VERSION_HEADER) ?? "";
    this.requestId = headers.get("x-request-id") ?? "";
    const isPacked = (headers.get("content-encoding") ?? "identity") !== "identity";
    // Servers read JSON whatever its type says it is.
    const text = isPacked || isForm(headers.get("content-type"))
      ? undefined
      : new TextDecoder().decode(bytes);
    // Walking a body recurses once for each level.
    this.#isTooDeep = text !== undefined && isTooDeep(text);
    this.json = text === undefined || this.#isTooDeep ? undefined : objectOf(text);
  }

  /** The first value of a header of the request. */
  header(name: string): string | undefined {
    return this.#headers.get(name);
  }

  /** The first value of each header, without the pseudo-headers. */
  get headers(): ReadonlyMap<string, string> {
    return new Map([...this.#headers].filter(([name]) => !name.startsWith(":")));
  }

  /** The path without its query. */
  get pathname(): string {
    return this.path.split("?", 1)[0] ?? "";
  }

  /**
   * Why another reader may find something else in the body than the steps do, or undefined: it is packed, no JSON object,
   * too deep, or has a key twice. Files in a form are read by nobody.
   */
  get ambiguity(): string | undefined {
    if (this.bytes.length === 0 || isForm(this.#headers.get("content-type"))) return undefined;
    if (this.#isTooDeep) return `The body has more than ${MAX_JSON_DEPTH} levels`;
    if (this.json === undefined) return "The body must be a JSON object, and not be compressed";
    const twice = duplicateKey(new TextDecoder().decode(this.bytes));
    return twice === undefined ? undefined : `The body has the key "${twice.slice(0, 64)}" twice`;
  }

  get model(): string {
    return typeof this.json?.model === "string" ? this.json.model : "";
  }

  get streams(): boolean {
    return this.json?.stream === true;
  }

  /** The messages of a chat request; undefined for any other, and where one is no object. */
  get messages(): JsonObject[] | undefined {
    const messages = this.json?.messages;
    const isList = Array.isArray(messages) &&
      messages.every((one) => typeof one === "object" && one !== null && !Array.isArray(one));
    return isList ? messages as JsonObject[] : undefined;
  }

  /** The body as it goes on. */
  get body(): Uint8Array {
    if (!this.changed || this.json === undefined) return this.bytes;
    return encodeAs(this.bytes, this.json);
  }
}

/** An answer in place of the upstream's. */
export interface OwnAnswer {
  readonly status: number;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body: Uint8Array | OpenAiErrorInit;
  /** Detail in the access log: `cache_hit`. */
  readonly details: string;
}

/** The head of an answer. */
export interface AnswerHead {
  readonly status: number;
  readonly contentType: string;
  readonly isStream: boolean;
  /** The directives about keeping it (RFC 9111, section 5.2.2). */
  readonly cacheControl?: string | undefined;
}

/** One event of a stream on its way through the steps. */
export interface StreamedEvent {
  /** The fields of the event in order, `data` lines joined into one. */
  readonly fields: readonly (readonly [string, string])[];
  readonly data: string;
  /** The data when it is a JSON object. */
  readonly json: JsonObject | undefined;
}

/** Handles the answer to one request, for one step. */
export interface AnswerHandler {
  /** Whether it works behind all others: what it puts into an answer is for the client alone. */
  readonly isLast?: boolean;
  /** Whether an answer that cannot be read must not pass. */
  readonly mustRead?: boolean;
  /** Handles a whole JSON answer; returns it changed, or undefined to leave it as it is. */
  whole?(
    json: JsonObject,
    head: AnswerHead,
  ): Promise<JsonObject | undefined> | JsonObject | undefined;
  /** Handles a whole answer that is text, or JSON and no object; returns it changed, or undefined. */
  plain?(text: string, head: AnswerHead): Promise<string | undefined> | string | undefined;
  /** Handles what stands in a stream beside the data of events: a comment, an id; returns it changed, or as it is. */
  aside?(text: string): string;
  /** Handles an event; returns its replacement, or undefined to leave it as it is. */
  event?(
    event: StreamedEvent,
  ): Promise<readonly StreamedEvent[] | undefined> | readonly StreamedEvent[] | undefined;
  /** Called when the upstream's stream has ended; returns events to add. */
  end?(): Promise<readonly StreamedEvent[]> | readonly StreamedEvent[];
  /** Called with an answer that a later step has given in place of the upstream's. */
  replayed?(bytes: Uint8Array, head: AnswerHead): Promise<void>;
  /** Called with the bytes of the answer as they leave, `last` with the end of them. */
  sent?(bytes: Uint8Array, last: boolean, head: AnswerHead): Promise<void> | void;
  /** Called once when the exchange is over, whether the answer was complete or not. */
  over?(): void;
}

/** A running step. */
export interface Step {
  /** Whether a request that two readers could read differently must not pass. */
  mustRead?(draft: RequestDraft): boolean;
  /**
   * Handles a request; returns an answer of its own, or a handler of the upstream's answer, or nothing.
   *
   * @throws {StepFailure} when the request must not go on
   */
  request(draft: RequestDraft): Promise<StepOutcome> | StepOutcome;
}

export type StepOutcome =
  | { readonly answer: OwnAnswer }
  | { readonly handler: AnswerHandler }
  | undefined;

/** A step that cannot do its work, so that the request is refused: 503 and this code. */
export class StepFailure extends Error {
  override name = "StepFailure";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Whether a text says something behind the value that was read from it that the handlers would not let pass: the value of a
 * key that stands twice. What they do not mind passes byte for byte.
 */
export async function hidesFrom(
  handlers: readonly AnswerHandler[],
  text: string,
  value: unknown,
  head: AnswerHead,
): Promise<boolean> {
  if (!handlers.some(({ mustRead }) => mustRead) || !hidesValues(text, value)) return false;
  const shown = unescaped(text);
  let now = shown;
  for (const handler of handlers) now = await handler.plain?.(now, head) ?? now;
  return now !== shown;
}

/** Whether a media type is that of a form with files. */
function isForm(contentType = ""): boolean {
  return contentType.trim().toLowerCase().startsWith("multipart/");
}

/** Whether a media type is JSON (RFC 6839 has the suffix). */
export function isJson(contentType: string | undefined): boolean {
  const type = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return type === "application/json" || type.endsWith("+json");
}

/** Returns the JSON object that these bytes are, or undefined. */
export function objectOf(bytes: Uint8Array | string): JsonObject | undefined {
  try {
    const text = typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as JsonObject
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns an event with other data; whatever else it had stays. */
export function withJson(event: StreamedEvent, json: JsonObject): StreamedEvent {
  return { ...withData(event, JSON.stringify(json)), json };
}

/** Returns an event with other data that is no JSON object; whatever else it had stays. */
export function withData(event: StreamedEvent, data: string): StreamedEvent {
  const fields = event.fields.map(([name, value]) =>
    [name, name === "data" ? data : value] as const
  );
  return { fields, data, json: undefined };
}
