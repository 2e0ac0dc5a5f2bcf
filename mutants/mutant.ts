/** The shape of a mutant. */
import type { Protocol } from "../conformance/mod.ts";
import type { Defects } from "./proxy/defects.ts";

/** A parsed Envoy bootstrap, or a part of one. */
// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
export type Config = any;

/** A broken gateway: one planted defect, and the cases that must notice it. */
export interface Mutant {
  /** Stable, kebab-case. */
  readonly id: string;
  /** The defect, in one sentence. */
  readonly defect: string;
  /** Cases that were made for this requirement and must not pass. */
  readonly kills: readonly string[];
  /** The feature whose check-only configuration is edited; the base profile's without it. */
  readonly on?: string;
  /** It is made for this HTTP version and judged by the cases of this one alone. */
  readonly protocol?: Protocol;
  /** Edits the bundled Envoy configuration in place. */
  readonly edit?: (config: Config) => void;
  /** Defects of the small proxy, where Envoy cannot be made wrong: in its place, or before a router. */
  readonly defects?: Defects;
  /** Place of a defect that is neither in Envoy's configuration nor in the small proxy. */
  readonly means?: "relay" | "front";
}
