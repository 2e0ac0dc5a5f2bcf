import type { LintModel } from "../envoy/mod.ts";

/** `error`: a MUST case of the suite fails with it. `warning`: a SHOULD, or a door left ajar. */
export type Severity = "error" | "warning";

/** One place where a rule is broken. */
export interface Hit {
  /** The field, or the nearest one above it when the field is missing. */
  readonly path: string;
  /** What is there, in one sentence without a full stop. */
  readonly found: string;
}

/** One thing that can be wrong with an Envoy configuration for LLM traffic. */
export interface LintRule {
  /** Stable: `group.name`. */
  readonly id: string;
  readonly severity: Severity;
  /** What breaks, and for whom. */
  readonly why: string;
  /** What to write instead. */
  readonly fix: string;
  /** The conformance case that shows it on a running gateway; absent when nothing outside would. */
  readonly case?: string;
  /** Where Envoy's documentation says so: a field or a page. */
  readonly source: string;
  readonly check: (model: LintModel) => Hit[];
}
