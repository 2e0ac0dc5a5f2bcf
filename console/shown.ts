/** Things of the gateway that the pages show, as the data API tells them: types alone, the page runs elsewhere. */

/** Facts of the running gateway that the page names. */
export interface ConsoleFacts {
  readonly profile: string;
  readonly ingress: string;
  readonly services: Readonly<Record<string, unknown>>;
  readonly envoy: {
    readonly version: string;
    readonly config: string;
    readonly config_sha256: string;
    readonly launched_sha256: string;
  };
}

/** A host of one of Envoy's clusters. */
export interface HostShown {
  readonly cluster: string;
  readonly address: string;
  /** Reasons why it gets no requests. */
  readonly failing: readonly string[];
  readonly active: number;
  readonly total: number;
  readonly errors: number;
}

/** The configuration that Envoy runs on. */
export interface ConfigShown {
  readonly name: string;
  readonly text: string;
  readonly sha256: string;
  readonly launched_sha256: string;
  /** Places that were set at launch: path, value in the file, value at launch. */
  readonly overlay: readonly {
    readonly what: string;
    readonly path: string;
    readonly before: string;
    readonly after: string;
  }[];
  readonly findings: readonly {
    readonly rule: string;
    readonly severity: string;
    readonly place: string;
    readonly found: string;
    readonly fix: string;
  }[];
}

/** One moment of the trends. */
export interface TrendPoint {
  /** Seconds since the epoch. */
  readonly at: number;
  readonly series: string;
  readonly requests: number;
  readonly errors: number;
  readonly p50_ms: number | null;
  readonly p95_ms: number | null;
  readonly tokens: number;
}

/** The state of the gateway. */
export interface StateShown extends ConsoleFacts {
  /** Parts and abilities that this gateway has, each with a page or a button. */
  readonly has: Readonly<
    Record<"rules" | "tap" | "check" | "trends" | "limits" | "traces" | "write", boolean>
  >;
  /** The faults that are on. */
  readonly faults: readonly FaultState[];
}

/** One switch, and what it does while it is on. */
export interface FaultSwitch {
  readonly name: string;
  readonly plane: "policy" | "upstream";
  readonly title: string;
  readonly effect: string;
}

/** A switch as it stands. */
export interface FaultState extends FaultSwitch {
  readonly on: boolean;
  /** Whether one tenant alone can have it. */
  readonly scoped: boolean;
  /** The tenant that it is for; empty for all. */
  readonly tenant: string;
  /** When it ends by itself: ISO 8601; empty while it is off. */
  readonly until: string;
}

/** One case that is over. */
export interface CheckedCase {
  readonly id: string;
  readonly status: string;
  readonly says: string;
}

/** A run, as the page sees it. */
export interface CheckState {
  readonly state: "none" | "running" | "ended";
  readonly cases: string;
  readonly done: number;
  readonly total: number;
  /** The suite's own last word that is no case. */
  readonly says: string;
  /** Cases that did not pass, oldest first. */
  readonly found: readonly CheckedCase[];
  readonly passed: number;
  readonly code: number | null;
  readonly has_report: boolean;
}

/** The rules in force. */
export interface RulesShown {
  readonly text: string;
  /** Null where they are the bundled ones. */
  readonly file: string | null;
  readonly version: string;
  readonly writable: boolean;
}

/** A finding in the text of rules. */
export interface RulesProblem {
  /** From 1; 0 where the reader names no place. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** One decision of a rate-limit service. */
export interface LimitShown {
  readonly subject: Readonly<Record<string, string>>;
  /** `pass` and `refused` answer a question; `charged` notes what an answer cost. */
  readonly outcome: "pass" | "refused" | "charged";
  /** `error.code` of a refusal. */
  readonly code?: string;
  readonly charge?: {
    readonly tokens: number;
    /** Billionths of a US dollar. */
    readonly cost: number;
    /** Where the tokens come from: the answer's own usage, an estimate, or an answer that costs nothing. */
    readonly source: string;
  };
}

/** One span of a trace. */
export interface SpanShown {
  readonly id: string;
  /** Empty at the root, and where the parent was not told. */
  readonly parent: string;
  readonly name: string;
  readonly service: string;
  readonly kind: string;
  /** Milliseconds since the trace's first span. */
  readonly from: number;
  readonly ms: number;
  readonly status: string;
  /** How deep it stands below its root. */
  readonly depth: number;
  readonly attributes: readonly (readonly [name: string, value: string])[];
}

/** One trace: a row of the list. */
export interface TraceShown {
  readonly id: string;
  /** ISO 8601. */
  readonly time: string;
  readonly name: string;
  readonly services: readonly string[];
  readonly ms: number;
  readonly spans: number;
  readonly errors: number;
  /** The gateway's request; empty where no span names one. */
  readonly request_id: string;
}

/** A trace with its spans in the order of the tree, and the log records beside them. */
export interface TraceDetail extends TraceShown {
  readonly tree: readonly SpanShown[];
  readonly logs: readonly {
    readonly at: number;
    readonly service: string;
    readonly text: string;
    readonly attributes: readonly (readonly [name: string, value: string])[];
  }[];
}
