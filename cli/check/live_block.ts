/** The progress of a run in a terminal: one line that is drawn again, and above it what did not pass, as it comes. */
import { type Progress, progressLine } from "../../conformance/mod.ts";
import type { Output } from "../host.ts";
import type { Style } from "../style.ts";

/** To the first column, and erase the line (ECMA-48, section 8.3.41). */
const ERASE = "\r\x1b[2K";

/** Statuses that are told at once. */
const TOLD = new Set(["fail", "warn"]);

/** Returns a listener that keeps one line up to date: how many are done, how they ended, who is waited for. */
export function liveBlock(output: Output, style: Style): (event: Progress) => void {
  const counts = { pass: 0, fail: 0, warn: 0, other: 0 };
  let waited = "";
  const draw = (done: number, total: number) => {
    const parts = [
      `${done} of ${total}`,
      `${counts.pass} passed`,
      ...(counts.fail > 0 ? [`${counts.fail} failed`] : []),
      ...(counts.warn > 0 ? [`${counts.warn} warned`] : []),
      ...(counts.other > 0 ? [`${counts.other} not judged`] : []),
      waited,
    ].filter((part) => part !== "");
    const line = parts.join("  ").slice(0, Math.max(20, output.columns - 1));
    output.write(`${ERASE}${counts.fail > 0 ? style.bad(line) : line}`);
  };
  let at: [done: number, total: number] = [0, 0];
  return (event) => {
    switch (event.kind) {
      case "start":
        output.write(`${progressLine(event) ?? ""}\n`);
        at = [0, event.cases];
        draw(...at);
        break;
      case "case": {
        const { status, id } = event.result;
        counts[status === "pass" || status === "fail" || status === "warn" ? status : "other"]++;
        at = [event.done, event.total];
        if (TOLD.has(status)) {
          output.write(`${ERASE}${progressLine(event, { colour: style.enabled }) ?? ""}\n`);
        }
        waited = `last ${id}`;
        draw(...at);
        break;
      }
      case "waiting":
        waited = `waiting for ${event.ids.join(", ")}`;
        draw(...at);
        break;
      case "end":
        output.write(ERASE);
    }
  };
}
