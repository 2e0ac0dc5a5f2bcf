/** The only list of the add-ons: optional parts of any profile, as the command line knows them. */
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

/** Every add-on, in the order in which a request meets them. */
export const ADD_ONS: readonly AnyAddOnKind[] = [];

/** Returns the add-ons that the flags ask for. Throws as `bind` does. */
export async function addOnsOf(
  values: object,
  surroundings: Surroundings,
  kinds: readonly AnyAddOnKind[] = ADD_ONS,
): Promise<AddOn[]> {
  const bound = await Promise.all(kinds.map((kind) => kind.bind(values, surroundings)));
  return bound.filter((addOn) => addOn !== undefined);
}
