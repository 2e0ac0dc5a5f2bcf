/** The profile `edge` as the assembly takes it: its options, its part, and where Envoy finds them. */
import { bundledConfig } from "../../../envoy/mod.ts";
import type { Issuer } from "../../../certs/mod.ts";
import type { Limits } from "../../../limits/mod.ts";
import { DEFAULT_PORTS, loadModule } from "../../../service/mod.ts";
import type { PortSpec, Profile, SinglePart } from "../../mod.ts";
import { trafficProfile } from "./upstreams/profile.ts";
import { plainTraffic, type Traffic } from "./upstreams/traffic.ts";

/** Settings of the profile: identity and limits. */
export interface EdgePartOptions {
  /** Upstreams, and what happens when they fail; one mock when left out. */
  readonly traffic?: Traffic | undefined;
  /** Folder of the certificates that Envoy watches; what is missing in it is made. */
  readonly tlsFolder: string;
  /** Issuer whose tokens are accepted. */
  readonly tokens: TokenKeys;
  /** Answers for the keys in place of `tokens`; for the suite. */
  readonly keySet?: (() => Response | Promise<Response>) | undefined;
  /** Limits as YAML. */
  readonly limits?: string | undefined;
  /** Limits as a file, reloaded on change; the built-in ones when neither is given. */
  readonly limitsFile?: string | undefined;
  /** Somebody else's limits service in place of ours. */
  readonly limitsService?: { readonly host: string; readonly port: number } | undefined;
  /** Reads the environment, for `redis_env` in the limits. */
  readonly env?: ((name: string) => string | undefined) | undefined;
  /** The time of the limits, in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** The development issuer, by the file of its keys, or another one by its key set. */
export type TokenKeys =
  | { readonly issuerFile: string }
  | {
    /** URL or file of a JSON Web Key Set. */
    readonly jwks: string;
    readonly issuer: string;
    readonly audience: string;
  };

/** A running upstream with the limits in front of it. */
export interface EdgePart extends SinglePart {
  /** Undefined where somebody else's stands in. */
  readonly limits: Limits | undefined;
  /** The development issuer; undefined where another one's tokens are taken. */
  readonly issuer: (() => Promise<Issuer>) | undefined;
  readonly tlsFolder: string;
}

/** Port of the limits service. */
export const LIMITS_PORT: PortSpec = {
  name: "limits",
  what: "the limits service",
  default: DEFAULT_PORTS.limits,
  flag: "--limits-port",
};

/** Port of the ingress over TLS, TCP and UDP. */
export const TLS_PORT: PortSpec = {
  name: "tls",
  what: "the ingress over TLS",
  default: DEFAULT_PORTS.tls,
  flag: "--tls-port",
};

/** Tokens, first bytes and requests of clients; requests, retries and health of upstreams. */
const ENVOY_METRICS =
  "^(llmgate\\.|http\\.ingress.*\\.downstream_rq_(total|xx|active|time|[1-5]xx)|cluster\\.(upstream|canary|variant_.*|mirror)\\.(upstream_rq_(total|retry|pending_overflow|[1-5]xx|xx|time)|membership_(healthy|total)|outlier_detection\\.ejections_active))";

/** The first that reads the usage of tokens, formats descriptors and sends retry-after. */
const OLDEST_ENVOY = "1.40.0";

/** Returns the profile `edge`: identity and limits in front of one upstream. */
export function edgeProfile(options: EdgePartOptions): Profile<EdgePart> {
  const { traffic = plainTraffic(), tlsFolder, tokens, limitsService } = options;
  const base = trafficProfile(traffic);
  return {
    ...base,
    name: "edge",
    config: (own = bundledConfig("edge")) => base.traffic(own),
    ports: [...base.ports, ...(limitsService === undefined ? [LIMITS_PORT] : []), TLS_PORT],
    tlsListener: "ingress_tls",
    asksControl: true,
    envoyMetrics: ENVOY_METRICS,
    oldestEnvoy: OLDEST_ENVOY,
    async prepare() {
      const { prepareTlsFolder } = await loadModule<typeof import("../../../certs/mod.ts")>(
        "certs/mod.ts",
      );
      await prepareTlsFolder(tlsFolder);
    },
    overlay(ports, names) {
      const own = base.overlay(ports, names);
      return {
        ...own,
        certificateFolder: tlsFolder,
        ...("jwks" in tokens && {
          tokens: { issuer: tokens.issuer, audience: tokens.audience },
        }),
        clusters: {
          ...own.clusters,
          limits: limitsService ?? { host: "127.0.0.1", port: ports.limits ?? 0 },
          issuer: { host: "127.0.0.1", port: ports.control ?? 0 },
        },
      };
    },
    async start(place) {
      const { startEdgePart } = await loadModule<typeof import("./edge_part.ts")>(
        "gateway/profiles/edge/edge_part.ts",
      );
      return await startEdgePart(options, { base, place });
    },
  };
}
