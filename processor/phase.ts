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

/** What Envoy tells of one phase. */
export type PhaseMessage =
  | {
    readonly phase: "request_headers" | "response_headers";
    readonly headers: HeaderList;
    /** Nothing follows: no body, no trailers. */
    readonly endOfStream: boolean;
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

/** What a processor says to one phase. */
export type Answer =
  | {
    /** Go on, with these changes. */
    readonly kind: "continue";
    readonly headers?: HeaderMutation;
    /** Envoy chooses the route again, with the headers as changed. Not for trailers. */
    readonly clearRouteCache?: boolean;
    /** Kept by Envoy only in namespaces that its filter is configured to receive. */
    readonly metadata?: Metadata;
  }
  | {
    /** Answer the client in place of the upstream. Nothing may follow. */
    readonly kind: "immediate";
    /** HTTP status, 200..599. */
    readonly status: number;
    readonly headers?: HeaderMutation;
    readonly body?: Uint8Array;
    /** Becomes the response code detail of the access log. */
    readonly details?: string;
    readonly metadata?: Metadata;
  };
