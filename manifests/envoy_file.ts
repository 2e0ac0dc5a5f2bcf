/** The bundled Envoy configuration, placed among the exported parts. */
import { parseDocument } from "yaml";
import { bundledConfig, type Endpoint, type EnvoyOverlay, launchConfig } from "../envoy/mod.ts";
import { PROFILES, type UpstreamAddress } from "../gateway/mod.ts";
import { type ExportSettings, IMAGE_ROOTS, PARTS } from "./settings.ts";

/**
 * Returns the text of the profile's configuration, comments and all, with the addresses of the
 * exported parts. Only what the overlay table allows is changed.
 */
export function envoyFile(settings: ExportSettings): string {
  const file = bundledConfig(settings.profile);
  const { changes } = launchConfig(file, placement(settings));
  const document = parseDocument(file.text);
  for (const { path, to } of changes) {
    const steps = path.split("/").map((step) => /^\d+$/.test(step) ? Number(step) : step);
    if (to === undefined) document.deleteIn(steps);
    else document.setIn(steps, document.createNode(to));
  }
  return document.toString({ lineWidth: 0 });
}

/** Where the parts are. The admin listener stays on loopback, as everywhere. */
function placement(settings: ExportSettings): EnvoyOverlay {
  const profile = PROFILES[settings.profile];
  const { policy = at(PARTS.policy), upstream } = settings;
  const clusters: Record<string, Endpoint> = { [profile.policyCluster]: policy };
  const common = { listeners: { [profile.listener]: { host: "0.0.0.0", port: PARTS.envoy.port } } };
  if ("routerCluster" in profile) {
    clusters[profile.routerCluster] = at(PARTS.router);
    return { ...common, clusters, trustedRoots: { [profile.upstreamCluster]: IMAGE_ROOTS } };
  }
  if ("responsesCluster" in profile) {
    const { name, http, grpc } = PARTS.responses;
    clusters[profile.responsesCluster] = at({ name, port: grpc });
    clusters[profile.upstreamCluster] = at({ name, port: http });
    return { ...common, clusters };
  }
  clusters[profile.upstreamCluster] = upstream === undefined
    ? at(PARTS.upstream)
    : endpointOf(upstream);
  const prefix = upstream?.pathPrefix ?? "";
  return { ...common, clusters, pathPrefixes: { [profile.upstreamCluster]: prefix } };
}

function at({ name, port }: { name: string; port: number }): Endpoint {
  return { host: name, port };
}

function endpointOf({ host, port, hostname, tls }: UpstreamAddress): Endpoint {
  return { host, port, hostname, ...(tls ? { tls: { caFile: IMAGE_ROOTS } } : {}) };
}
