/** The only list of the profiles. */
import { UsageError } from "../../service/mod.ts";
import { BASE } from "./base/kind.ts";
import { EDGE } from "./edge/kind.ts";
import type { AnyProfileKind } from "./kind.ts";
import { RESPONSES } from "./responses/kind.ts";
import { ROUTER } from "./router/kind.ts";

/** Every profile; the first is the one that is meant when none is named. */
export const PROFILES: readonly AnyProfileKind[] = [BASE, ROUTER, RESPONSES, EDGE];

/**
 * Returns a profile by its name, the first when none is named.
 *
 * @throws {UsageError} for a name that no profile has
 */
export function profileKind(
  name?: string,
  kinds: readonly AnyProfileKind[] = PROFILES,
): AnyProfileKind {
  const kind = name === undefined ? kinds[0] : kinds.find((one) => one.name === name);
  if (kind === undefined) {
    const names = kinds.map((one) => one.name).join(", ");
    throw new UsageError(`Cannot find the profile "${name}": it must be one of ${names}`);
  }
  return kind;
}
