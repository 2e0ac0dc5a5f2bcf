import type { Defects } from "./proxy/defects.ts";

/** A parsed Envoy bootstrap, or a part of one. */
// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
export type Config = any;

/** A broken gateway: one planted defect, and the cases that must notice it. */
export interface Mutant {
  /** Stable, kebab-case. */
  readonly id: string;
  /** What is wrong, in one sentence. */
  readonly defect: string;
  /** Cases that were made for this requirement and must not pass. */
  readonly kills: readonly string[];
  /** Edits the bundled Envoy configuration in place. */
  readonly edit?: (config: Config) => void;
  /** Defects of the small proxy, where Envoy cannot be made wrong. */
  readonly defects?: Defects;
}
