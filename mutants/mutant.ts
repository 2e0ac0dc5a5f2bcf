import type { ProfileName } from "../gateway/mod.ts";
import type { Protocol } from "../conformance/mod.ts";
import type { Defects } from "./proxy/defects.ts";
import type { FrontTampering } from "./responses/front.ts";
import type { Tampering } from "./router/relay.ts";

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
  /** The feature whose check-only configuration is edited; the base profile's without it. */
  readonly on?: string;
  /** It is made for this HTTP version and judged by the cases of this one alone. */
  readonly protocol?: Protocol;
  /** Edits the bundled Envoy configuration in place. */
  readonly edit?: (config: Config) => void;
  /** Defects of the small proxy, where Envoy cannot be made wrong: in its place, or before a router. */
  readonly defects?: Defects;
  /** The profile that is broken; the base profile when left out. */
  readonly profile?: ProfileName;
  /** What a relay before the router does wrong; `hosts` are those that the router chooses from. */
  readonly relay?: Tampering | ((hosts: readonly string[]) => Tampering);
  /** What a front before a Responses gateway does wrong. */
  readonly front?: FrontTampering;
}
