/** Options of a console: the parts that it watches, and the actions that it may take. */
import type { StartCheck } from "./check_runs.ts";
import type { Watched } from "./feed.ts";

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

/** Reads trends of the last while, in a series for each value of `by`. */
export type Trends = (
  asked: { readonly since: string; readonly by: string },
) => Promise<readonly TrendPoint[]>;

/** Options of `createConsole`. */
export interface ConsoleOptions extends Watched {
  facts(): ConsoleFacts;
  /** Lets the page save rules. */
  readonly isWritable?: boolean;
  readonly startCheck?: StartCheck | undefined;
  hosts?(): Promise<readonly HostShown[]>;
  config?(): Promise<ConfigShown>;
  readonly trends?: Trends | undefined;
}
