/** Requests as the data API tells them, and the page reads them: types alone, the page runs elsewhere. */

/** A time span of one part, in milliseconds since the request's first sign. */
export interface Lane {
  /** `client`, `Envoy`, `policy`, `upstream`, or another part's name. */
  readonly name: string;
  readonly from: number;
  /** Absent while it runs. */
  readonly to?: number;
  /** When events passed. */
  readonly marks?: readonly number[];
  /** The part's own word for how it ended. */
  readonly says?: string;
}

/** One stretch of a request's time. */
export interface Stretch {
  readonly name: string;
  readonly ms: number;
  readonly says: string;
}

/** One request: a row of the list. */
export interface ConsoleRequest {
  readonly id: string;
  readonly state: "deciding" | "denied" | "waiting" | "streaming" | "done";
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly tenant: string;
  readonly key: string;
  readonly model: string;
  readonly decision: string;
  /** The rule that matched, the deny code, or Envoy's code detail. */
  readonly reason: string;
  readonly status: number;
  readonly first_byte_ms: number | null;
  readonly total_ms: number | null;
  readonly bytes: number | null;
  readonly events: number;
  readonly tokens:
    | { readonly input: number; readonly output: number; readonly cached: number }
    | null;
  /** Events per second of a stream, while it runs and when it has ended. */
  readonly events_per_second: number | null;
  readonly host: string;
  readonly attempts: number;
  /** Envoy's flags in words; empty without any. */
  readonly ended: string;
  /** The request that this one repeats. */
  readonly replay_of: string;
}

/** A header as two witnesses have it. */
export interface HeaderSeen {
  readonly name: string;
  /** As policy was shown it; null where it was not there. */
  readonly policy: string | null;
  /** As the upstream got it; null where it was not there. */
  readonly upstream: string | null;
}

/** One condition of a rule, beside the request. */
export interface ConditionShown {
  readonly what: string;
  readonly wanted: string;
  readonly seen?: string;
  readonly holds: boolean;
}

/** One rule beside the request. */
export interface RuleShown {
  readonly name: string;
  readonly decision: string;
  readonly holds: boolean;
  readonly conditions: readonly ConditionShown[];
}

/** A decision, and why. */
export interface DecisionShown {
  readonly decision: string;
  readonly rule: string;
  readonly code: string;
  readonly status: number;
  readonly tenant: string;
  readonly position: number;
  readonly says: string;
  readonly rules: readonly RuleShown[];
}

/** One part of an answer's stream, as the tap saw it pass. */
export interface TapEvent {
  /** Milliseconds since the request's first sign. */
  readonly at: number;
  readonly text: string;
}

/** Content that the tap saw; bounded, and in memory alone. */
export interface TapShown {
  readonly request: string;
  readonly answer: readonly TapEvent[];
  /** The answer's text, put together of its events. */
  readonly said: string;
  /** Calls of tools that the answer asks for. */
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  /** Bytes that were not kept. */
  readonly left_out: number;
}

/** Everything that is known of one request. */
export interface ConsoleDetail extends ConsoleRequest {
  readonly lanes: readonly Lane[];
  readonly stretches: readonly Stretch[];
  readonly explained: DecisionShown | null;
  /** The rules of today decide otherwise than those that decided. */
  readonly rules_changed: boolean;
  readonly headers: readonly HeaderSeen[];
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly curl: string;
  readonly tap: TapShown | null;
}
