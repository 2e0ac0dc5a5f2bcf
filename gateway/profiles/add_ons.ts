/** The only list of the add-ons: optional parts of any profile, as the command line knows them. */
import type { AddOn } from "../mod.ts";
import type { AnyAddOnKind } from "./add_on_kind.ts";
import { CALL_LOG } from "./add_ons/call_log.ts";
import { BROWSERS } from "./add_ons/cors.ts";
import { TAP } from "./add_ons/tap.ts";
import { TRANSFORM } from "./add_ons/transform.ts";
import type { Surroundings } from "./kind.ts";

/** Every add-on, in the order in which a request meets them. */
export const ADD_ONS: readonly AnyAddOnKind[] = [BROWSERS, TRANSFORM, TAP, CALL_LOG];

/** Returns the add-ons that the flags ask for. Throws as `bind` does. */
export async function addOnsOf(
  values: object,
  surroundings: Surroundings,
  kinds: readonly AnyAddOnKind[] = ADD_ONS,
): Promise<AddOn[]> {
  const bound = await Promise.all(kinds.map((kind) => kind.bind(values, surroundings)));
  return bound.filter((addOn) => addOn !== undefined);
}
