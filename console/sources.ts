/** Sources that parts of a gateway give to the console beside the journals: a tap, trends, limits, traces, lanes. */
import type { LimitShown, TrendPoint } from "./shown.ts";
import type { TapSource } from "./tapped.ts";

/** Reads trends of the last while, in a series for each value of `by`. */
export type Trends = (
  asked: { readonly since: string; readonly by: string },
) => Promise<readonly TrendPoint[]>;

/** A part's time with one request. Times are `now()` of service/, milliseconds. */
export interface PartLane {
  /** The part: `transform`. */
  readonly name: string;
  readonly from: number;
  /** When the request went on; absent while the part has it. */
  readonly to?: number | undefined;
  /** When pieces of the answer passed. */
  readonly marks: readonly number[];
  /** The part's own word for what it did. */
  readonly says: string;
}

/** A span as a collector has it. */
export interface SpanTold {
  readonly signal: "span";
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: string;
  /** Milliseconds since 1970. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly service: string;
}

/** A log record as a collector has it. */
export interface LogTold {
  readonly signal: "log";
  readonly traceId?: string;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly service: string;
}

/** Records of a collector, oldest first; other signals are no part of a trace. */
export type TraceSource = () => readonly (SpanTold | LogTold | { readonly signal: string })[];

/** The sources of a gateway; each has a page or a place on one. */
export interface ConsoleSources {
  readonly tap?: TapSource | undefined;
  readonly trends?: Trends | undefined;
  /** Newest decisions of a rate-limit service, oldest first. */
  readonly limits?: (() => readonly LimitShown[]) | undefined;
  readonly traces?: TraceSource | undefined;
  /** Tells what a part did with a request; undefined for one that it does not know. */
  readonly lane?: ((requestId: string) => PartLane | undefined) | undefined;
}
