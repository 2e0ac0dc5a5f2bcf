/** One request through the steps, phase by phase of ext_proc. */
import type { Answer, HeaderList, PhaseMessage, Processor } from "../ext_proc/mod.ts";
import { errorBody } from "../openai/mod.ts";
import { messageOf } from "../service/mod.ts";
import { EventRewriter, joined } from "./event_rewriter.ts";
import { encodeAs } from "./numbers.ts";
import {
  type AnswerHandler,
  type AnswerHead,
  hidesFrom,
  isJson,
  objectOf,
  type OwnAnswer,
  RequestDraft,
  type Step,
  StepFailure,
} from "./exchange.ts";

const GO_ON: Answer = { kind: "continue" };

/** A processor's report of one exchange. */
export interface ExchangeReport {
  readonly outcome: "passed" | "changed" | "answered" | "refused" | "unreadable";
  readonly code?: string;
}

/**
 * Returns the processor of one request. Envoy's filter sends request headers, the whole request body and response
 * headers; how the answer's body comes is decided here, by `mode`, once it is known what the answer is.
 */
export function transformProcessor(
  steps: readonly Step[],
  report: (exchange: ExchangeReport) => void = () => {},
): Processor {
  return new TransformProcessor(steps, report);
}

class TransformProcessor implements Processor {
  readonly #steps: readonly Step[];
  readonly #report: (exchange: ExchangeReport) => void;
  #headers: ReadonlyMap<string, string> = new Map();
  #draft: RequestDraft | undefined;
  #handlers: AnswerHandler[] = [];
  #head: AnswerHead | undefined;
  #rewriter: EventRewriter | undefined;

  constructor(steps: readonly Step[], report: (exchange: ExchangeReport) => void) {
    this.#steps = steps;
    this.#report = report;
  }

  async answer(message: PhaseMessage): Promise<Answer> {
    switch (message.phase) {
      case "request_headers":
        this.#headers = firstValues(message.headers);
        return message.endOfStream ? await this.#request(new Uint8Array(0)) : GO_ON;
      case "request_body":
        return await this.#request(message.body);
      case "response_headers":
        return this.#answerHead(firstValues(message.headers), message.endOfStream);
      case "response_body":
        return await this.#answerBody(message.body, message.endOfStream);
      default:
        return GO_ON;
    }
  }

  end(): void {
    for (const handler of this.#handlers.splice(0)) handler.over?.();
  }

  async #request(bytes: Uint8Array): Promise<Answer> {
    const draft = this.#draft = new RequestDraft(this.#headers, bytes);
    const before = draft.path;
    const mustRead = this.#steps.some((step) => step.mustRead?.(draft));
    const ambiguity = mustRead ? draft.ambiguity : undefined;
    if (ambiguity !== undefined) {
      this.#report({ outcome: "refused", code: "unreadable_request" });
      return this.#own(unreadable(ambiguity));
    }
    try {
      for (const step of this.#steps) {
        const outcome = await step.request(draft);
        if (outcome === undefined) continue;
        if ("answer" in outcome) {
          this.#report({ outcome: "answered", code: outcome.answer.details });
          await this.#replay(outcome.answer);
          return this.#own(outcome.answer);
        }
        this.#handlers.push(outcome.handler);
      }
      this.#handlers.sort((a, b) => Number(a.isLast ?? false) - Number(b.isLast ?? false));
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      this.#report({ outcome: "refused", code: error.code });
      return this.#own(refusal(error));
    }
    this.#report({ outcome: draft.changed ? "changed" : "passed" });
    const body = draft.body;
    const set: (readonly [string, string])[] = [...draft.set];
    if (draft.changed) set.push(["content-length", String(body.length)]);
    if (draft.path !== before) set.push([":path", draft.path]);
    return {
      kind: "continue",
      // A compressed answer could not be read.
      headers: {
        set,
        ...(this.#handlers.length > 0 && { remove: ["accept-encoding"] }),
      },
      ...(draft.changed && { body: { replace: body } }),
      // Routes may match what the steps say by header, too.
      ...((draft.path !== before || draft.set.size > 0) && { clearRouteCache: true }),
    };
  }

  #answerHead(headers: ReadonlyMap<string, string>, isOver: boolean): Answer {
    const contentType = headers.get("content-type") ?? "";
    const head = this.#head = {
      status: Number(headers.get(":status") ?? 0),
      contentType,
      isStream: contentType.toLowerCase().startsWith("text/event-stream"),
      cacheControl: headers.get("cache-control"),
    };
    const set = [...this.#draft?.answerHeaders ?? []];
    if (isOver || this.#handlers.length === 0) return { kind: "continue", headers: { set } };
    const reason = unreadableBy(headers);
    if (reason !== undefined) {
      if (this.#handlers.some(({ mustRead }) => mustRead)) {
        this.#report({ outcome: "unreadable" });
        return this.#own({
          status: 502,
          details: "unreadable_answer",
          body: {
            message: `The answer is ${reason}, so that it cannot be checked`,
            type: "upstream_error",
            code: "unreadable_answer",
          },
        });
      }
      this.#handlers = [];
      return { kind: "continue", headers: { set } };
    }
    const reads = head.isStream || isJson(contentType) ||
      isText(contentType) && this.#handlers.some(({ plain }) => plain !== undefined);
    if (!reads && !this.#handlers.some(({ sent }) => sent)) {
      return { kind: "continue", headers: { set } };
    }
    if (head.isStream) this.#rewriter = new EventRewriter(this.#handlers);
    return {
      kind: "continue",
      // The length may change; of a whole answer the new one is set with its body.
      headers: { set, remove: ["content-length"] },
      mode: { responseBody: head.isStream ? "STREAMED" : "BUFFERED" },
    };
  }

  async #answerBody(bytes: Uint8Array, last: boolean): Promise<Answer> {
    try {
      return await this.#answerPiece(bytes, last);
    } catch (error) {
      // A stream is on its way: all that is left is to break it off.
      if (!(error instanceof StepFailure) || this.#rewriter !== undefined) throw error;
      this.#report({ outcome: "refused", code: error.code });
      return this.#own(refusal(error));
    }
  }

  async #answerPiece(bytes: Uint8Array, last: boolean): Promise<Answer> {
    const head = this.#head ?? { status: 0, contentType: "", isStream: false };
    const out = this.#rewriter === undefined
      ? await this.#whole(bytes, head)
      : joined([await this.#rewriter.push(bytes), ...(last ? [await this.#rewriter.end()] : [])]);
    for (const handler of this.#handlers) await handler.sent?.(out, last, head);
    return {
      kind: "continue",
      ...(out !== bytes && { body: out.length === 0 ? { clear: true } : { replace: out } }),
      ...(this.#rewriter === undefined &&
        { headers: { set: [["content-length", String(out.length)]] } }),
    };
  }

  async #whole(bytes: Uint8Array, head: AnswerHead): Promise<Uint8Array> {
    const json = isJson(head.contentType) ? objectOf(bytes) : undefined;
    if (json === undefined) return await this.#plain(bytes, head);
    let now = json;
    for (const handler of this.#handlers) now = await handler.whole?.(now, head) ?? now;
    if (now === json) {
      const text = new TextDecoder().decode(bytes);
      if (!await hidesFrom(this.#handlers, text, json, head)) return bytes;
    }
    return encodeAs(bytes, now);
  }

  /** An answer that is no JSON object is a text. */
  async #plain(bytes: Uint8Array, head: AnswerHead): Promise<Uint8Array> {
    const text = new TextDecoder().decode(bytes);
    let now = text;
    for (const handler of this.#handlers) now = await handler.plain?.(now, head) ?? now;
    return now === text ? bytes : new TextEncoder().encode(now);
  }

  /** Shows an answer that was given before to the steps that are to hear of it. */
  async #replay({ status, headers = [], body }: OwnAnswer): Promise<void> {
    if (!(body instanceof Uint8Array) || status !== 200) return;
    const contentType = headers.find(([name]) => name === "content-type")?.[1] ?? "";
    const isStream = contentType.toLowerCase().startsWith("text/event-stream");
    for (const handler of this.#handlers) {
      await handler.replayed?.(body, { status, contentType, isStream });
    }
  }

  #own({ status, headers = [], body, details }: OwnAnswer): Answer {
    this.#handlers.splice(0).forEach((handler) => handler.over?.());
    const isRaw = body instanceof Uint8Array;
    return {
      kind: "immediate",
      status,
      details,
      headers: {
        set: [
          ...(isRaw ? [] : [["content-type", "application/json"] as const]),
          ...this.#draft?.answerHeaders ?? [],
          ...headers,
        ],
      },
      body: isRaw ? body : new TextEncoder().encode(JSON.stringify(errorBody(status, body))),
    };
  }
}

/** Encodings of characters in which ASCII is ASCII: what is looked for is found in them. */
const READABLE_CHARSET = /^(utf-?8|us-ascii|ascii|iso-8859-|windows-125)/;

/** Why an answer cannot be read; undefined for one that can. */
function unreadableBy(headers: ReadonlyMap<string, string>): string | undefined {
  const encoding = (headers.get("content-encoding") ?? "identity").trim().toLowerCase();
  if (encoding !== "identity") return `compressed (${encoding})`;
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(headers.get("content-type") ?? "")?.[1];
  if (charset === undefined || READABLE_CHARSET.test(charset.toLowerCase())) return undefined;
  return `written in ${charset}`;
}

function unreadable(message: string): OwnAnswer {
  return {
    status: 400,
    details: "unreadable_request",
    body: { message, type: "invalid_request_error", code: "invalid_json" },
  };
}

function refusal(error: StepFailure): OwnAnswer {
  return {
    status: 503,
    details: error.code,
    body: { message: messageOf(error), type: "policy_error", code: error.code },
  };
}

/** Whether a media type is text of any kind, a list of JSON lines included. */
function isText(contentType: string): boolean {
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  return type === "" || type.startsWith("text/") || /[/+](x-)?(ndjson|jsonl|xml)$/.test(type);
}

function firstValues(headers: HeaderList): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const [name, value] of headers) if (!map.has(name)) map.set(name, value);
  return map;
}
