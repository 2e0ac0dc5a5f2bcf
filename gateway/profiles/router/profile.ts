/** The profile `router` as the assembly takes it: its options, its part, and where Envoy finds them. */
import { bundledConfig } from "../../../envoy/mod.ts";
import type {
  BackendHost,
  HealthCheckOptions,
  HostSource,
  KubernetesHosts,
  Router,
  RoutingLogic,
} from "../../../router/mod.ts";
import { DEFAULT_PORTS, loadModule } from "../../../service/mod.ts";
import type { Part, PortSpec, Profile } from "../../mod.ts";

/** The model router of a gateway, and the backends that it chooses from. */
export interface RouterPartOptions {
  /** Model servers, by name or address; mock ones are started when left out. */
  readonly hosts?: readonly BackendHost[];
  /** Ask each host for its `/v1/models`; a host whose models are given is not asked. */
  readonly readModels?: boolean;
  /** Model servers in Kubernetes, in place of `hosts`. */
  readonly kubernetes?: KubernetesHosts;
  /** Model servers that come and go, in place of `hosts`. Its owner disposes it. */
  readonly source?: HostSource;
  /** Roots for hosts with TLS, a PEM file. */
  readonly caFile?: string;
  /** File that gets the endpoints, for a configuration that reads them there. */
  readonly endpointFile?: string;
  /** Milliseconds that Envoy keeps a host which is no longer chosen; 5,000 when left out. */
  readonly lingerMs?: number;
  /** `routes.json`, reloaded on change; the built-in routes when left out. */
  readonly routesFile?: string;
  /** `round_robin` when left out. */
  readonly logic?: RoutingLogic;
  /** Header that names a request's session. */
  readonly sessionHeader?: string;
  /** Models of each mock backend, written as for `--static-models`; every model when left out. */
  readonly models?: string;
  /** Stands between Envoy and the router, on a port of its own: how a broken router is made. */
  readonly relay?: (
    router: Router,
    endpoints: readonly string[],
  ) => Promise<{ readonly port: number } & AsyncDisposable>;
  /** Header by which a client may name the model; none when left out. */
  readonly modelHeader?: string;
  /** Longest request body, in bytes, 4 MiB or more; 64 MiB when left out. */
  readonly maxBodyBytes?: number;
  /** Probes and readings of the hosts, and the limits of their health; no probes when left out. */
  readonly health?: HealthCheckOptions;
}

/** A running router with its backends. */
export interface RouterPart extends Part {
  readonly router: Router;
  /** The model servers of this moment. */
  readonly hosts: readonly BackendHost[];
}

/** Port of the model router. */
export const ROUTER_PORT: PortSpec = {
  name: "router",
  what: "the model router",
  default: DEFAULT_PORTS.router,
  flag: "--router-port",
};

/** Cluster of the router, and of the model servers that it chooses from, in `envoy/configs/router.yaml`. */
export const ROUTER_CLUSTER = "router";
export const BACKENDS_CLUSTER = "backends";

/**
 * The lowest limit of a request's body, MiB. While policy is asked Envoy takes the connection's buffer limit twice (1 MiB
 * each, read and held); a limit that is no higher is never passed, the client stays paused, and no 413 comes.
 */
export const LEAST_BODY_MIB = 4;

/**
 * Returns the profile `router`: policy and a model router in front of several model servers.
 *
 * @throws {RangeError} for a limit of bodies below 4 MiB
 */
export function routerProfile(options: RouterPartOptions = {}): Profile<RouterPart> {
  const { endpointFile, caFile, maxBodyBytes } = options;
  if (maxBodyBytes !== undefined && maxBodyBytes < LEAST_BODY_MIB * 2 ** 20) {
    throw new RangeError(`maxBodyBytes must be at least ${LEAST_BODY_MIB} MiB: ${maxBodyBytes}`);
  }
  return {
    name: "router",
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: BACKENDS_CLUSTER,
    config: (own = bundledConfig("router")) => own,
    ports: [ROUTER_PORT],
    movesPorts: options.relay !== undefined,
    // The router tells Envoy the endpoints itself.
    overlay: (ports) => ({
      clusters: { [ROUTER_CLUSTER]: { host: "127.0.0.1", port: ports.router ?? 0 } },
      ...(endpointFile !== undefined && { discoveryPaths: { [BACKENDS_CLUSTER]: endpointFile } }),
      ...(caFile !== undefined && { trustedRoots: { [BACKENDS_CLUSTER]: caFile } }),
      ...(maxBodyBytes !== undefined && { maxRequestBytes: maxBodyBytes }),
    }),
    async start(place) {
      const { startRouterPart } = await loadModule<typeof import("./router_part.ts")>(
        "gateway/profiles/router/router_part.ts",
      );
      return await startRouterPart(options, place);
    },
  };
}
