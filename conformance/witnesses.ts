/** The witnesses of a request: what policy engine, upstream and Envoy tell of it, and how the first two are steered. */
import type { Ask, Reply } from "../dialects/mod.ts";

/** A header list as it goes over the wire: order, case and duplicates kept. */
export type HeaderList = [name: string, value: string][];

/** Options of everything that waits. */
export interface WaitOptions {
  signal?: AbortSignal;
  /** Milliseconds. */
  deadlineMs?: number;
}

/** Someone who saw the traffic and can be asked, now or when something has happened. */
export interface Witness<T> {
  entries(): readonly T[];
  waitFor(predicate: (entry: T) => boolean, options?: WaitOptions): Promise<T>;
  clear?(predicate?: (entry: T) => boolean): void;
}

/** Named lock-step barriers; names are `<nonce>/<name>`. */
export interface BarrierControl {
  release(name: string): void;
  arrival(
    name: string,
    options?: { count?: number; deadlineMs?: number; signal?: AbortSignal },
  ): Promise<void>;
  forget(prefix: string): void;
}

/** A header mutation; `unset` sends neither `append` nor `append_action`. */
export interface HeaderMutation {
  name: string;
  value: string;
  action?: "append_or_add" | "add_if_absent" | "overwrite_or_add" | "overwrite_if_exists" | "unset";
}

/** Policy's answer to one Check: mirrors the policy room's script format. */
// deno-lint-ignore no-explicit-any -- plain JSON whose schema belongs to the policy room
export type PolicyAnswer = Record<string, any>;

/** One step of an upstream script: mirrors the upstream room's script format. */
export type UpstreamStep =
  | { headers: { status?: number; headers?: Record<string, string | string[]> } }
  | { write: string }
  | { write_base64: string }
  | { event: { data: string | object; event?: string; id?: string; retry?: number } }
  | { comment: string }
  | { flush: true }
  | { sleep: number }
  | { barrier: string }
  | { trailers: Record<string, string> }
  | { end: true }
  | { abort: "fin" | "rst" | "bad_chunk" | "short_length" | "garbage" }
  | { hang: true }
  | { slow_read: number }
  | { repeat: { times: number; steps: UpstreamStep[] } };

/** A whole answer of the upstream, rendered in the dialect of whoever asks: mirrors the upstream room's replies. */
export interface UpstreamReply {
  reply?: string | Reply & { abort?: "fin" | "rst"; after?: number };
  error?: { status: number; message?: string; retry_after?: number };
}

/**
 * The policy engine's record of one Check call. Times are `now()` of service/, milliseconds, for showing; `…Order` are
 * numbers of one sequence that all witnesses share, and say what came before what.
 */
export interface PolicyRecord {
  nonce?: string | undefined;
  requestId?: string | undefined;
  receivedAt: number;
  method: string;
  path: string;
  host: string;
  protocol: string;
  headers: Record<string, string>;
  headerList?: readonly (readonly [string, string])[] | undefined;
  bodyBytes: number;
  contextExtensions: Record<string, string>;
  /** Dynamic metadata by filter name; absent when none came. */
  metadata?: Record<string, unknown> | undefined;
  /** The gRPC method that was called: `/package.Service/Method`. */
  grpcPath: string;
  source: string;
  /** The name in the client's certificate, where it showed one. */
  principal?: string | undefined;
  decision?: "allow" | "deny" | "error" | undefined;
  rule?: string | undefined;
  code?: string | undefined;
  status?: number | undefined;
  tenant?: string | undefined;
  answeredAt?: number | undefined;
  answeredOrder?: number | undefined;
  cancelledAt?: number | undefined;
}

/** The upstream's record of one request, and of its answer. Times and order as in {@linkcode PolicyRecord}. */
export interface UpstreamRecord {
  nonce?: string | undefined;
  requestId?: string | undefined;
  connection: number;
  protocol: string;
  attempt: number;
  method: string;
  target: string;
  headers: [string, string][];
  rawHead?: string | undefined;
  bodyBytes: number;
  bodySha256?: string | undefined;
  /** The body, where it is short. */
  bodyText?: string | undefined;
  bodyEnd?: number | undefined;
  receivedAt: number;
  receivedOrder: number;
  firstBodyByteAt?: number | undefined;
  status?: number | undefined;
  bytesWritten: number;
  events: number;
  eventTimes: number[];
  writeStallMs: number;
  end?: string | undefined;
  endedAt?: number | undefined;
  /** The request in neutral form; where a reply answered. */
  ask?: Ask | undefined;
}

/** One line of the gateway's access log, with Envoy's names for the parts; undefined is what the log leaves out. */
export interface EnvoyRecord {
  requestId: string;
  status: number | undefined;
  flags: string | undefined;
  codeDetails: string | undefined;
  bytesReceived: number | undefined;
  bytesSent: number | undefined;
  durationMs: number | undefined;
  method: string;
  path: string;
  /** The whole line as logged. */
  line: string;
}

/** The policy engine that the harness owns. */
export interface PolicyControl {
  readonly address: string;
  readonly journal: Witness<PolicyRecord>;
  readonly scripts: {
    set(nonce: string, answers: PolicyAnswer[]): void;
    delete(nonce: string): void;
  };
  readonly barriers: BarrierControl;
  /** Closes the listener and its connections. */
  close(): Promise<void>;
  /** Listens again on the same port. */
  reopen(): Promise<void>;
}

/** The upstream that the harness owns. */
export interface UpstreamControl {
  readonly url: string;
  readonly journal: Witness<UpstreamRecord>;
  readonly scripts: {
    set(nonce: string, script: { early?: boolean; steps: UpstreamStep[] } | UpstreamReply): void;
    delete(nonce: string): void;
  };
  readonly barriers: BarrierControl;
}

/** Evidence of the gateway itself; read from Envoy, never from our own rooms. */
export interface EnvoyEvidence {
  readonly version: string;
  /** Path of the program that runs. */
  readonly executable?: string;
  readonly accessLog?: Witness<EnvoyRecord>;
  /** Returns counters and gauges whose name matches the regular expression. */
  stats(filter?: string): Promise<Record<string, number>>;
  /** Returns the whole access log and Envoy's own log as text, for the secret canary. */
  logs?(): Promise<string>;
  /** Returns the bytes that Envoy has allocated now. */
  memory?(): Promise<number>;
}
