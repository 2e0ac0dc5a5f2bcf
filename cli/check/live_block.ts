/** The progress of a run in a terminal: one line that is drawn again, and above it what did not pass, as it comes. */
import { type Progress, progressLine } from "../../conformance/mod.ts";
import type { Output } from "../host.ts";
import type { Style } from "../style.ts";

/** To the first column, and erase the line (ECMA-48, section 8.3.41). */
const ERASE = "\r\x1b[2K";

/** Statuses that are told at once. */
const TOLD = new Set(["fail", "warn"]);

/** Running cases that are named: the ones that began last. */
const NAMED = 3;

/** Returns a listener that keeps one line up to date: how many are done, how they ended, which run, and which are waited for. */
export function liveBlock(output: Output, style: Style): (event: Progress) => void {
  const counts = { pass: 0, fail: 0, warn: 0, other: 0 };
  const running = new Set<string>();
  let waited: readonly string[] = [];
  const draw = (done: number, total: number) => {
    const parts = [
      `${done} of ${total}`,
      `${counts.pass} passed`,
      ...(counts.fail > 0 ? [`${counts.fail} failed`] : []),
      ...(counts.warn > 0 ? [`${counts.warn} warned`] : []),
      ...(counts.other > 0 ? [`${counts.other} not judged`] : []),
      ...(waited.length > 0
        ? [`waiting for ${waited.join(", ")}`]
        : running.size > 0
        ? [`running ${running.size}: ${[...running].slice(-NAMED).join(", ")}`]
        : []),
    ];
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
      case "running":
        running.add(event.id);
        draw(...at);
        break;
      case "case": {
        const { status, id } = event.result;
        counts[status === "pass" || status === "fail" || status === "warn" ? status : "other"]++;
        at = [event.done, event.total];
        if (TOLD.has(status)) {
          output.write(`${ERASE}${progressLine(event, { colour: style.enabled }) ?? ""}\n`);
        }
        running.delete(id);
        waited = waited.filter((one) => one !== id);
        draw(...at);
        break;
      }
      case "waiting":
        waited = event.ids;
        draw(...at);
        break;
      case "end":
        output.write(ERASE);
    }
  };
}
