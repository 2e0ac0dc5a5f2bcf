/** Where a run took place, for its report. */
import process from "node:process";

/** Returns where the suite runs. */
export function platform(): { os: string; arch: string; runtime: string } {
  const { deno, node } = process.versions as Record<string, string | undefined>;
  return {
    os: process.platform,
    arch: process.arch,
    runtime: deno ? `deno ${deno}` : `node ${node}`,
  };
}
