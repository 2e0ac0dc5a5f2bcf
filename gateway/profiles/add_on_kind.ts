/** An optional part of any profile, as the command line knows it. */
import type { OptionRecord, OptionValues } from "../../options/mod.ts";
import type { AddOn } from "../mod.ts";
import type { Surroundings } from "./kind.ts";

/** One kind of add-on. Its folder in `gateway/profiles/add_ons/` holds all that is particular to it. */
export interface AddOnKind<Flags extends OptionRecord = OptionRecord> {
  /** Its flags for `dev`; they go with every profile. */
  readonly flags: Flags;
  /**
   * Returns the add-on that the flags describe, or undefined when they ask for none.
   *
   * @throws {UsageError} for flags that do not go together, or files that cannot be used
   */
  bind(
    values: Partial<OptionValues<Flags>>,
    surroundings: Surroundings,
  ): Promise<AddOn | undefined>;
}

// deno-lint-ignore no-explicit-any -- the flags of each kind are of its own type
export type AnyAddOnKind = AddOnKind<any>;
