/** The bundled Envoy configuration, placed among the exported parts. */
import { parseDocument } from "yaml";
import { type Endpoint, type EnvoyOverlay, launchConfig } from "../envoy/mod.ts";
import type { ProfileManifests } from "./profile.ts";
import { type ExportSettings, PARTS } from "./settings.ts";

/**
 * Returns the text of the profile's configuration, comments and all, with the addresses of the
 * exported parts. Only what the overlay table allows is changed.
 */
export function envoyFile(profile: ProfileManifests, settings: ExportSettings): string {
  const file = profile.config();
  const { changes } = launchConfig(file, placement(profile, settings));
  const document = parseDocument(file.text);
  for (const { path, to } of changes) {
    const steps = path.split("/").map((step) => /^\d+$/.test(step) ? Number(step) : step);
    if (to === undefined) document.deleteIn(steps);
    else document.setIn(steps, document.createNode(to));
  }
  return document.toString({ lineWidth: 0 });
}

/** Returns the endpoint of an exported part. */
export function exportedAt({ name, port }: { name: string; port: number }): Endpoint {
  return { host: name, port };
}

function placement(profile: ProfileManifests, settings: ExportSettings): EnvoyOverlay {
  const { policy = exportedAt(PARTS.policy) } = settings;
  const own = profile.overlay(settings);
  return {
    ...own,
    listeners: { [profile.listener]: { host: "0.0.0.0", port: PARTS.envoy.port } },
    clusters: { [profile.policyCluster]: policy, ...own.clusters },
  };
}
