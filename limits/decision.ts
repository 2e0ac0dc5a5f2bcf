/** The record of one decision, for journal, metrics and log lines. */
import type { Charge } from "./charge.ts";

/** One descriptor that was decided about. */
export interface LimitsDecision {
  readonly subject: Readonly<Record<string, string>>;
  /** `pass` and `refused` answer a question; `charged` notes what an answer cost. */
  readonly outcome: "pass" | "refused" | "charged";
  /** `error.code` of a refusal. */
  readonly code?: string;
  readonly charge?: Charge;
}
