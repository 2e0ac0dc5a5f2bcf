/** A profile as the command line, the exports and the judge know it: everything about one kind of gateway. */
import type { OptionRecord, OptionValues } from "../../options/mod.ts";
import type { ForeignUpstream, Ports, PortSpec, Profile } from "../mod.ts";
import type { ProfileManifests } from "../../manifests/mod.ts";
import type { Judge } from "./judge.ts";

/** Surroundings that a profile's flags are read with. */
export interface Surroundings {
  /** An environment variable's value. */
  env(name: string): string | undefined;
  /** The model server of `--upstream`; the first where it is given more than once. */
  readonly upstream: ForeignUpstream | undefined;
  /** Every `--upstream`, in order: each by its replicas. */
  readonly upstreams?: readonly (readonly ForeignUpstream[])[];
  /** Every `--upstream-key-env`, in order. */
  readonly keyNames?: readonly string[];
  /** Returns a model server of another flag, with the roots of this machine. */
  foreign?(url: string): Promise<ForeignUpstream>;
}

/** A profile bound to what its flags say. */
export interface BoundProfile {
  readonly profile: Profile;
  /** Ports that a file of the profile names; flags win over them. */
  readonly ports?: Ports;
}

/** One kind of gateway. Its folder holds all that is particular to it; nobody else asks its name. */
export interface ProfileKind<Flags extends OptionRecord = OptionRecord> {
  readonly name: string;
  /** One line, lower-case, no period. */
  readonly summary: string;
  /** Every port that its parts may listen on. */
  readonly ports: readonly PortSpec[];
  /** Whether it takes several upstreams, and gives each its key. */
  readonly takesUpstreams?: true;
  /** Flags of its own, for `dev`. */
  readonly flags: Flags;
  /** Flags of its own that judging a gateway of somebody else's needs, for `check`. */
  readonly judgeFlags?: OptionRecord;
  /**
   * Returns the profile that the flags describe.
   *
   * @throws {UsageError} for flags that do not go together, or files that cannot be used
   */
  bind(values: Partial<OptionValues<Flags>>, surroundings: Surroundings): Promise<BoundProfile>;
  /** Loads how it is judged: the suite is no part of the product, so nothing else loads it. */
  judge(): Promise<Judge>;
  /** Loads what it adds to exports; absent when it cannot be exported. */
  manifests?(): Promise<ProfileManifests>;
}

// deno-lint-ignore no-explicit-any -- the flags of each kind are of its own type
export type AnyProfileKind = ProfileKind<any>;
