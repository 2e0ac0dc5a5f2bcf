/** Writes the progress of a run. */
import type { Progress } from "../../run/runner.ts";
import { caseLine } from "./terminal.ts";

/** Cases that are named of those that are waited for. */
const NAMED = 4;

/** Returns the line that a terminal shows for a step of a run; `undefined`: nothing to show. */
export function progressLine(
  event: Progress,
  options: { colour?: boolean } = {},
): string | undefined {
  if (event.kind === "start") {
    const { name, url, control } = event.target;
    return `${event.cases} cases against ${name} at ${url}, control ${control}`;
  }
  if (event.kind === "case") {
    const count = `${event.done}/${event.total}`.padStart(7);
    return `${count} ${caseLine(event.result, options)}`;
  }
  if (event.kind === "waiting") {
    const { ids } = event;
    const more = ids.length > NAMED ? ` and ${ids.length - NAMED} more` : "";
    return `waiting for ${ids.length} of the slow cases: ${ids.slice(0, NAMED).join(", ")}${more}`;
  }
  return undefined;
}
