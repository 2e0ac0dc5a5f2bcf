/** The overlay of a gateway: what Envoy is told at launch. */
import type { EnvoyOverlay, TlsFiles } from "../envoy/mod.ts";
import type { PartNames, Ports, Profile } from "./profile.ts";

/** The options of a gateway that Envoy is told at launch. */
export interface EnvoyPlacement {
  readonly profile: Profile;
  /** Names in a configuration that is not the profile's. */
  readonly names?: PartNames;
  /** Interface of the ingress; 127.0.0.1 when left out. */
  readonly host?: string;
  readonly ports: Ports;
  readonly policy?: { readonly host: string; readonly port: number; readonly tls?: TlsFiles };
}

const LOOPBACK = "127.0.0.1";

/** Returns where a gateway listens, and where policy and the profile's parts are. */
export function gatewayOverlay(placement: EnvoyPlacement): EnvoyOverlay {
  const { ports, policy, profile } = placement;
  const names = placement.names ?? profile;
  const own = profile.overlay(ports, names);
  return {
    ...own,
    adminPort: ports.admin ?? 0,
    listeners: {
      [names.listener]: { host: placement.host ?? LOOPBACK, port: ports.ingress ?? 0 },
      ...(profile.tlsListener !== undefined && {
        [profile.tlsListener]: { host: placement.host ?? LOOPBACK, port: ports.tls ?? 0 },
      }),
      ...own.listeners,
    },
    clusters: {
      ...(names.policyCluster !== undefined &&
        { [names.policyCluster]: policy ?? { host: LOOPBACK, port: ports.policy ?? 0 } }),
      ...own.clusters,
    },
  };
}
