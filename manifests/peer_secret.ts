/** The secret by which an exported Envoy proves itself: named, and never written. */
import { PEER_SECRET_ENV } from "../service/mod.ts";
import type { ProfileManifests } from "./profile.ts";

/** Secret of Kubernetes, and its key, by which the exported Envoy proves itself to the parts behind it. */
export const PEER_SECRET = { name: "llmgate-peer", key: "secret" } as const;

/** Whether Envoy proves itself to the profile's parts: both then need a secret that the export does not hold. */
export function needsPeerSecret(profile: ProfileManifests): boolean {
  return profile.config().text.includes(PEER_SECRET_ENV);
}
