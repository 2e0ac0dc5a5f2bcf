/** Matchers of Envoy's generic API (xds.type.matcher.v3.Matcher): the ends at which a request can arrive. */
import { type Placed, placedAt } from "./placed.ts";

/** Where a matcher's branches stand: lists, trees, and what is left. */
const BRANCHES = [
  ...["matcher_list/matchers/*/on_match", "matcher_tree/exact_match_map/map/*"],
  "matcher_tree/prefix_match_map/map/*",
  // Trees of a matcher's own: by network, by number, by host name.
  ...["range_matchers", "domain_matchers"]
    .map((list) => `matcher_tree/custom_match/typed_config/${list}/*/on_match`),
  "on_no_match",
];

/**
 * Returns the action at each end of a matcher, nested ones included; `undefined` stands for requests that no branch
 * takes.
 */
export function endsOf(matcher: Placed): (Placed | undefined)[] {
  const branches = BRANCHES.flatMap((pattern) => placedAt(matcher, pattern));
  const ends = branches.flatMap((branch): (Placed | undefined)[] => {
    const nested = placedAt(branch, "matcher");
    const own = nested.length > 0
      ? nested.flatMap(endsOf)
      : placedAt(branch, "action/typed_config");
    return branch.value.keep_matching === true ? [...own, undefined] : own;
  });
  return matcher.value.on_no_match === undefined ? [...ends, undefined] : ends;
}
