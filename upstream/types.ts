/** Types of scripts and of the journal. */
import type { Ask, Reply } from "../dialects/mod.ts";
import type { SseEventInit } from "../openai/mod.ts";

/** How `abort` breaks the answer; docs/upstream.md says what each puts on the wire. */
export type AbortKind =
  | "fin"
  | "rst"
  | "bad_chunk"
  | "short_length"
  | "garbage"
  | "tcp_rst"
  | "goaway";

/** Where one piece of bytes is cut into several writes: at these offsets, or every n bytes. */
export type Cut = number | readonly number[];

/** Fields of `event`; `eol` chooses the line end, `cut` the writes it is split into. */
export type ScriptEvent = SseEventInit & { readonly eol?: "lf" | "crlf" | "cr" };

/** One step of a script. Each `write`, `event` and `comment` is one write, flushed at once. */
export type UpstreamStep =
  | {
    readonly headers: {
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string | readonly string[]>>;
    };
  }
  | { readonly write: string; readonly cut?: Cut }
  | { readonly write_base64: string; readonly cut?: Cut }
  | { readonly event: ScriptEvent; readonly cut?: Cut }
  | { readonly comment: string; readonly cut?: Cut }
  | { readonly flush: true }
  | { readonly sleep: number }
  | { readonly barrier: string }
  | { readonly trailers: Readonly<Record<string, string>> }
  | { readonly end: true }
  | { readonly abort: AbortKind }
  | { readonly hang: true }
  | { readonly slow_read: number }
  | { readonly throttle: number }
  | { readonly stamp: boolean }
  | { readonly repeat: { readonly times: number; readonly steps: readonly UpstreamStep[] } };

/**
 * The mock's answer to one request, step by step. A script that ends without `end`, `abort` or
 * `hang` ends the answer.
 */
export interface UpstreamScript {
  /**
   * By default the first step that answers waits until the whole request body has come, so that
   * its hash is complete; `true` answers at the request head.
   */
  readonly early?: boolean;
  /** `gzip`: the body is one gzip stream, flushed after each write. */
  readonly encoding?: "gzip";
  readonly steps: readonly UpstreamStep[];
}

/** A named answer that is no script: a reply or an error, rendered in the dialect of whoever asks. */
export interface NamedReply {
  readonly reply?: string | Reply & { readonly abort?: AbortKind; readonly after?: number };
  readonly error?: number | {
    readonly status: number;
    readonly message?: string;
    readonly retry_after?: number;
  };
}

/** How an exchange ended. */
export type ExchangeEnd = "completed" | "client-fin" | "client-rst" | "h2-rst" | "aborted";

/** The mock's record of one request and its answer. Mutated while it runs. */
export interface UpstreamExchange {
  /** The nonce part of `x-harness-case`. */
  nonce?: string;
  /** `x-request-id`. */
  requestId?: string;
  /** Number of the connection, counted from 1 in the order of accepting. */
  connection: number;
  protocol: "http/1.1" | "h2";
  /** 1 for the first request with its request id (or else nonce), 2 for the next, and so on. */
  attempt: number;
  method: string;
  target: string;
  /** As received: order, case and duplicates kept. */
  headers: [string, string][];
  /** HTTP/1.1 only: the request head as it came, each byte one character. */
  rawHead?: string;
  bodyBytes: number;
  /** Hex; set when the whole body has come. */
  bodySha256?: string;
  /** The body, up to 16 KiB; of requests with a nonce, or of all with `bodyTexts`. */
  bodyText?: string;
  bodyEnd?: number;
  /** All times: `now()` of service/, milliseconds. */
  receivedAt: number;
  /** `nextOrder()` of service/, taken when the head had come. */
  receivedOrder: number;
  firstBodyByteAt?: number;
  /** Which script answered: `header`, `nonce`, `body`, or a scenario's name. */
  script?: string;
  status?: number;
  /** The model that the request named, where an endpoint answered. */
  model?: string;
  /** Tokens of the answer, as it counts them itself, where an endpoint that counts answered. */
  usage?: { input: number; output: number; cached: number; reasoning: number };
  /** Body bytes handed to the connection, framing not counted. */
  bytesWritten: number;
  events: number;
  /** When each event was written; the first of them, as many as the upstream keeps. */
  eventTimes: number[];
  /** Time spent waiting for the peer to take what was written. */
  writeStallMs: number;
  end?: ExchangeEnd;
  endedAt?: number;
  /** The request in neutral form; set where a named reply answers, and shown to nobody outside of the process. */
  ask?: Ask;
  /** Why a request was refused before it reached an endpoint, e.g. a malformed head. */
  problem?: string;
}
