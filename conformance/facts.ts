import process from "node:process";
import type { Target } from "./target.ts";

/** Returns where the suite runs. */
export function platform(): { os: string; arch: string; runtime: string } {
  const { deno, node } = process.versions as Record<string, string | undefined>;
  return {
    os: process.platform,
    arch: process.arch,
    runtime: deno ? `deno ${deno}` : `node ${node}`,
  };
}

/** Returns the credential texts that no report may hold: header values and their bare tokens. */
export function secretsOf(target: Target): string[] {
  const headers = [...target.credentials.allow, ...(target.credentials.deny ?? [])];
  return headers.flatMap(([, value]) => {
    const token = value.replace(/^(Bearer|Basic) +/i, "");
    return token === value ? [value] : [value, token];
  });
}
