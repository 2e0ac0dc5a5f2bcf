/** Flags that choose calls of a call log. */
import { type CallFilter, spanOf } from "../../call_log/mod.ts";
import { textOption } from "../../options/mod.ts";
import { defined } from "../../service/mod.ts";

/** The flags. */
export const CALL_FILTER_OPTIONS = {
  since: textOption("--since <PERIOD>", { description: "of the last 15m, 24h, 30d" }),
  tenant: textOption("--tenant <NAME>", { description: "of this tenant; * is any text" }),
  model: textOption("--model <NAME>", { description: "of this model; * is any text" }),
  status: textOption("--status <STATUS>", { description: "404, 4xx or >=500" }),
  decision: textOption("--decision <DECISION>", {
    description: "allow, deny, error, open or none",
  }),
};

/** Returns which calls the flags mean. Throws `UsageError` for a period that is none. */
export function callFilter(
  { since, ...rest }: Readonly<Record<keyof typeof CALL_FILTER_OPTIONS, string | undefined>>,
): CallFilter {
  const { tenant, model, status, decision } = rest;
  return defined({
    since: since === undefined ? undefined : Date.now() - spanOf(since),
    ...{ tenant, model, status, decision },
  });
}
