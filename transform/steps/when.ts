/** Whether a step is for a request. */
import type { RequestDraft } from "../exchange.ts";
import type { When } from "../transform_schema.ts";

/** Returns whether a request is one of those that `when` names; a name may end with `*`. */
export function isFor(when: When | undefined, draft: RequestDraft): boolean {
  if (when === undefined) return true;
  return fits(when.tenant, draft.tenant) && fits(when.model, draft.model) &&
    fits(when.path, draft.pathname);
}

/** Returns the same without looking at the model, which stands in a body that may not be readable. */
export function inScope(when: When | undefined, draft: RequestDraft): boolean {
  return when === undefined ||
    fits(when.tenant, draft.tenant) && fits(when.path, draft.pathname);
}

function fits(names: readonly string[] | undefined, value: string): boolean {
  return names === undefined ||
    names.some((name) => name.endsWith("*") ? value.startsWith(name.slice(0, -1)) : value === name);
}
