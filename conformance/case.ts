/** The shape of a case. */
import type { CaseContext } from "./context.ts";
import type { Control, Protocol } from "./target.ts";

/** The keyword of the requirement: a missed MUST fails, a missed SHOULD or MAY warns. */
export type Level = "must" | "should" | "may";

/** Where an implementation is known to differ from the requirement. */
export interface KnownIssue {
  /** Envoy versions, as a prefix: "1.37.0" or "1.36". */
  envoy: string;
  note: string;
}

/** One requirement and the way to see whether it holds: data, and one function. */
export interface Case {
  /** Stable, `group.name`. The same for every outcome. */
  readonly id: string;
  readonly level: Level;
  /** The least that the harness must own around the gateway. */
  readonly control: Control;
  /** Needs Envoy's admin interface or access log. */
  readonly admin?: true;
  /** Runs only where a target, or one of its variants, declares this feature. */
  readonly feature?: string;
  /** One sentence: what must hold. */
  readonly requirement: string;
  /** Where the requirement comes from. */
  readonly source: string;
  /** HTTP versions to run over; default: HTTP/1.1 only. */
  readonly axes?: readonly Protocol[];
  /** Must not run beside other cases: it takes a shared part down, or all of the machine. */
  readonly exclusive?: true;
  /** Spends its time waiting: starts first and does not hold a job. */
  readonly waits?: true;
  /** Runs only with `--slow`. */
  readonly slow?: true;
  /** Milliseconds for the whole case, before the time scale; default 30 s. */
  readonly deadlineMs?: number;
  readonly knownIssues?: readonly KnownIssue[];
  run(t: CaseContext): Promise<void>;
}

/** Both HTTP versions of the core groups. */
export const BOTH: readonly Protocol[] = ["h1", "h2c"];

/** Returns the group of a case: the part of the id before the first dot. */
export function groupOf(id: string): string {
  return id.slice(0, id.indexOf("."));
}
