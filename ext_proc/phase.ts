/** The phases of ext_proc as plain values (envoy/service/ext_proc/v3/external_processor.proto). */

/** Every phase that a processor may be asked about; the names are the fields of the contract. */
export const PHASES = [
  "request_headers",
  "request_body",
  "request_trailers",
  "response_headers",
  "response_body",
  "response_trailers",
] as const;

export type Phase = typeof PHASES[number];

/** Names and values in the order they came; names are lower case. */
export type HeaderList = readonly (readonly [name: string, value: string])[];

/** Envoy's message about one phase. */
export type PhaseMessage =
  | {
    readonly phase: "request_headers" | "response_headers";
    readonly headers: HeaderList;
    /** Nothing follows: no body, no trailers. */
    readonly endOfStream: boolean;
    /** Attributes that the filter's `request_attributes` ask for, by expression. */
    readonly attributes?: Readonly<Record<string, unknown>>;
  }
  | {
    readonly phase: "request_body" | "response_body";
    /** The whole body when it is buffered, a piece of it when it is streamed. */
    readonly body: Uint8Array;
    readonly endOfStream: boolean;
  }
  | {
    readonly phase: "request_trailers" | "response_trailers";
    readonly headers: HeaderList;
  };

/** Headers to set (a name's values are replaced) and to remove. */
export interface HeaderMutation {
  readonly set?: HeaderList;
  readonly remove?: readonly string[];
}

/** JSON values of dynamic metadata, by namespace. */
export type Metadata = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Which phases are asked about from now on; what is left out stays as Envoy's filter has it. */
export interface ModeOverride {
  readonly requestBody?: BodyMode;
  readonly responseHeaders?: "SEND" | "SKIP";
  readonly responseBody?: BodyMode;
  readonly requestTrailers?: "SEND" | "SKIP";
  readonly responseTrailers?: "SEND" | "SKIP";
}

/** How a body travels (processing_mode.proto, BodySendMode). */
export type BodyMode =
  | "NONE"
  | "STREAMED"
  | "BUFFERED"
  | "BUFFERED_PARTIAL"
  | "FULL_DUPLEX_STREAMED";

/**
 * Change of a body: another one in its place, none, or, in `FULL_DUPLEX_STREAMED`, the next
 * piece of what goes on, which need not be as long as what came.
 */
export type BodyMutation =
  | { readonly replace: Uint8Array }
  | { readonly clear: true }
  | { readonly piece: Uint8Array; readonly endOfStream: boolean };

/** Go on, with these changes. */
export interface ContinueAnswer {
  readonly kind: "continue";
  readonly headers?: HeaderMutation;
  /** Not for trailers. In a headers phase it replaces the whole body, which is then not shown. */
  readonly body?: BodyMutation;
  /** Envoy chooses the route again, with the headers as changed. Not for trailers. */
  readonly clearRouteCache?: boolean;
  /** Obeyed by Envoy only where its filter has `allow_mode_override`; answers to headers alone. */
  readonly mode?: ModeOverride;
  /** Kept by Envoy only in namespaces that its filter is configured to receive. */
  readonly metadata?: Metadata;
}

/** Answer the client in place of the upstream. Nothing may follow. */
export interface ImmediateAnswer {
  readonly kind: "immediate";
  /** HTTP status, 200..599. */
  readonly status: number;
  readonly headers?: HeaderMutation;
  readonly body?: Uint8Array;
  /** Becomes the response code detail of the access log. */
  readonly details?: string;
  readonly metadata?: Metadata;
}

/**
 * Answer the client in place of the upstream, piece by piece: Envoy 1.37 and newer, and only while
 * no phase has been answered yet, since Envoy takes it for spurious otherwise.
 */
export interface StreamedAnswer {
  readonly kind: "stream";
  /** HTTP status, 200..599. */
  readonly status: number;
  readonly headers?: HeaderList;
  /**
   * Each piece is sent as one message. It is asked for the next one when Envoy takes more, and its
   * `return()` is called when the stream ends early. What it throws breaks the client's answer off.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /** Sent after the body. */
  readonly trailers?: HeaderList;
  readonly metadata?: Metadata;
}

/**
 * Say nothing to this message: there will be an answer of one's own when the request is complete.
 * Only where bodies are `FULL_DUPLEX_STREAMED`, and not to the request's last message.
 */
export interface WaitAnswer {
  readonly kind: "wait";
}

/** A processor's answer to one phase. */
export type Answer = ContinueAnswer | ImmediateAnswer | StreamedAnswer | WaitAnswer;

/** A part of a streamed answer, in this order: head, body pieces, and trailers or a last piece. */
export type StreamPart =
  | {
    readonly part: "head";
    readonly status: number;
    readonly headers: HeaderList;
    readonly metadata?: Metadata | undefined;
  }
  | { readonly part: "body"; readonly body: Uint8Array; readonly endOfStream: boolean }
  | { readonly part: "trailers"; readonly trailers: HeaderList };
