import type { Endpoint, EnvoyOverlay, TlsFiles } from "../envoy/mod.ts";
import { UsageError } from "../service/mod.ts";
import { type Profile, type ProfileName, profileOf } from "./profile.ts";
import { parseUpstreamUrl } from "./upstream_url.ts";

/** What a configuration calls the parts that are placed. */
export interface PartNames {
  readonly listener: string;
  /** Absent when the configuration asks no policy. */
  readonly policyCluster?: string | undefined;
  readonly upstreamCluster: string;
}

/** What of a gateway's options Envoy is told at launch. */
export interface EnvoyPlacement {
  readonly profile?: ProfileName;
  /** Names in a configuration that is not the profile's. */
  readonly names?: PartNames;
  /** Interface of the ingress; 127.0.0.1 when left out. */
  readonly host?: string;
  readonly ports: {
    readonly ingress: number;
    readonly admin: number;
    readonly policy: number;
    readonly upstream: number;
    readonly router: number;
    readonly extproc: number;
  };
  readonly policy?: { readonly host: string; readonly port: number; readonly tls?: TlsFiles };
  readonly upstream?: { readonly url: string; readonly caFile?: string };
  /** Roots for the backends of a profile with a model router that speak TLS, a PEM file. */
  readonly backendCaFile?: string;
  /** File with the endpoints of those backends, for a configuration that reads them there. */
  readonly endpointFile?: string;
}

const LOOPBACK = "127.0.0.1";

/**
 * The overlay of a gateway: where it listens, and where policy and upstream are.
 *
 * @throws {UsageError} when the upstream's URL cannot be used
 */
export function gatewayOverlay(placement: EnvoyPlacement): EnvoyOverlay {
  const { ports, policy, upstream } = placement;
  const profile = profileOf(placement.profile);
  if (profile.routerCluster !== undefined) return routedOverlay(placement, profile);
  const names: PartNames = placement.names ?? profile;
  const target = upstream && parseUpstreamUrl(upstream.url);
  const endpoint: Endpoint = target === undefined ? { host: LOOPBACK, port: ports.upstream } : {
    host: target.host,
    port: target.port,
    hostname: target.hostname,
    ...(target.tls ? { tls: { caFile: upstream?.caFile ?? "" } } : {}),
  };
  return {
    adminPort: ports.admin,
    listeners: {
      [names.listener]: { host: placement.host ?? LOOPBACK, port: ports.ingress },
    },
    clusters: {
      ...(names.policyCluster !== undefined &&
        { [names.policyCluster]: policy ?? { host: LOOPBACK, port: ports.policy } }),
      [names.upstreamCluster]: endpoint,
      ...(profile.responsesCluster !== undefined &&
        { [profile.responsesCluster]: { host: LOOPBACK, port: ports.extproc } }),
    },
    ...(target === undefined
      ? {}
      : { pathPrefixes: { [names.upstreamCluster]: target.pathPrefix } }),
  };
}

/** The overlay of a profile with a model router, which tells Envoy the endpoints itself. */
function routedOverlay(placement: EnvoyPlacement, profile: Profile): EnvoyOverlay {
  const { ports, policy, backendCaFile, endpointFile } = placement;
  if (placement.upstream !== undefined) {
    throw new UsageError(
      `Cannot use an upstream with the profile "${profile.name}": name its backends by --static-hosts`,
    );
  }
  return {
    adminPort: ports.admin,
    listeners: {
      [profile.listener]: { host: placement.host ?? LOOPBACK, port: ports.ingress },
    },
    clusters: {
      [profile.policyCluster]: policy ?? { host: LOOPBACK, port: ports.policy },
      ...(profile.routerCluster !== undefined &&
        { [profile.routerCluster]: { host: LOOPBACK, port: ports.router } }),
    },
    ...(endpointFile === undefined
      ? {}
      : { discoveryPaths: { [profile.upstreamCluster]: endpointFile } }),
    ...(backendCaFile === undefined
      ? {}
      : { trustedRoots: { [profile.upstreamCluster]: backendCaFile } }),
  };
}
