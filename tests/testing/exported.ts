/** The profiles as the exports know them. */
import { PROFILES } from "../../gateway/profiles/mod.ts";
import type { ProfileManifests } from "../../manifests/mod.ts";

const BY_NAME = new Map<string, ProfileManifests>();
for (const { name, manifests } of PROFILES) {
  if (manifests !== undefined) BY_NAME.set(name, await manifests());
}

/** The names of all that can be exported. */
export const EXPORTED: readonly string[] = [...BY_NAME.keys()];

/** Returns what a profile adds to an export. */
export function manifestsOf(name: string): ProfileManifests {
  const manifests = BY_NAME.get(name);
  if (manifests === undefined) throw new Error(`no profile "${name}" can be exported`);
  return manifests;
}
