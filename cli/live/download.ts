/** Shows how a download gets on. */
import type { OnProgress } from "../../envoy/mod.ts";
import type { Output } from "../host.ts";

/** Width of the bar, in columns. */
const BAR_COLUMNS = 24;

/** Share of the whole between two plain lines. */
const LINE_STEP = 0.25;

/**
 * Returns a reporter of downloads: a bar with bytes and rate that redraws itself on a terminal,
 * plain lines at every quarter elsewhere. Its last line says whether everything has arrived.
 */
export function downloadProgress(output: Output, log: (line: string) => void): OnProgress {
  let nextShare = 0;
  return ({ source, receivedBytes, totalBytes, bytesPerSecond, done }) => {
    const share = totalBytes ? receivedBytes / totalBytes : 0;
    const total = totalBytes === undefined ? "" : ` of ${megabytes(totalBytes)}`;
    const text = `${megabytes(receivedBytes)}${total}, ${megabytes(bytesPerSecond)}/s`;
    const isWhole = done && receivedBytes >= (totalBytes ?? 0);
    if (output.isTerminal) {
      const filled = Math.round((isWhole ? 1 : share) * BAR_COLUMNS);
      const bar = "#".repeat(filled).padEnd(BAR_COLUMNS, ".");
      output.write(`\r\x1b[K${source}  [${bar}] ${text}${done ? "\n" : ""}`);
    } else if (done || share >= nextShare) {
      nextShare = share + LINE_STEP;
      log(`${source}: ${text}${done ? isWhole ? ", done" : ", broken off" : ""}`);
    }
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
