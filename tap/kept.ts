/** The record of one request that a tap keeps: bounded, and in memory alone. */
import { now, type Tokens } from "../service/mod.ts";

/** Bytes kept of a request's body, and of an answer. */
const REQUEST_LIMIT = 256 * 1024;
const ANSWER_LIMIT = 512 * 1024;

/** One part of an answer: an event of a stream, or a piece of another body. Time: `now()`, milliseconds. */
export interface KeptPart {
  readonly at: number;
  readonly text: string;
}

/** One request as it passes. Changed while it runs. */
export class Kept {
  readonly requestId: string;
  readonly receivedAt = now();
  readonly events: KeptPart[] = [];
  request = "";
  status: number | undefined;
  model: string | undefined;
  tokens: Tokens | undefined;
  leftOut = 0;
  endedAt: number | undefined;
  #answered = 0;
  #isStream = false;
  #rest = "";
  #incoming = new TextDecoder();
  #outgoing = new TextDecoder();

  constructor(requestId: string) {
    this.requestId = requestId;
  }

  /** Bytes that are kept, about. */
  get size(): number {
    return this.request.length + this.#answered;
  }

  /** Keeps a piece of the request's body. */
  ask(body: Uint8Array, isLast: boolean): void {
    if (this.request.length >= REQUEST_LIMIT) this.leftOut += body.length;
    else this.request += this.#incoming.decode(body, { stream: !isLast });
    if (isLast) this.model = /"model"\s*:\s*"((?:[^"\\]|\\.){1,200})"/.exec(this.request)?.[1];
  }

  /** Keeps the head of the answer. */
  head(status: number, contentType: string): void {
    this.status = status;
    this.#isStream = contentType.startsWith("text/event-stream");
  }

  /** Keeps a piece of the answer's body: of a stream each event as soon as it is whole. */
  answer(body: Uint8Array, isLast: boolean): void {
    const at = now();
    if (this.#answered >= ANSWER_LIMIT) this.leftOut += body.length;
    else {
      this.#answered += body.length;
      const text = this.#outgoing.decode(body, { stream: !isLast });
      if (!this.#isStream) this.#keep(at, text);
      else {
        const events = (this.#rest + text).split(/\r\n\r\n|\n\n|\r\r/);
        this.#rest = events.pop() ?? "";
        for (const event of events) this.#keep(at, event);
      }
    }
    if (isLast) this.end();
  }

  /** Notes that nothing more comes. */
  end(): void {
    if (this.endedAt !== undefined) return;
    this.endedAt = now();
    if (this.#rest !== "") this.#keep(this.endedAt, this.#rest);
    this.#rest = "";
  }

  #keep(at: number, text: string): void {
    if (text === "") return;
    this.events.push({ at, text });
    if (text.includes("sage")) this.tokens = tokensOf(text) ?? this.tokens;
  }
}

/** Reads the counts of an answer in any dialect: OpenAI's, Anthropic's and Gemini's names. */
function tokensOf(text: string): Tokens | undefined {
  const number = (...names: string[]) => {
    const found = new RegExp(`"(?:${names.join("|")})"\\s*:\\s*(\\d{1,12})`).exec(text)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const input = number("prompt_tokens", "input_tokens", "promptTokenCount");
  const output = number("completion_tokens", "output_tokens", "candidatesTokenCount");
  if (input === undefined && output === undefined) return undefined;
  const cached = number("cached_tokens", "cache_read_input_tokens", "cachedContentTokenCount");
  return { input: input ?? 0, output: output ?? 0, cached: cached ?? 0 };
}
