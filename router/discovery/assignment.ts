/** Discovered hosts as Envoy's endpoints. */
import { hostPort } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";

/** A receiver of endpoints beside the router: Envoy, over a stream or through a file. */
export interface EndpointSink {
  /** Makes these the endpoints; resolves once Envoy may be expected to know them. */
  publish(hosts: readonly BackendHost[]): Promise<void>;
}

/** Type URL of the resources of EDS. */
export const ASSIGNMENT_TYPE = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";

/**
 * Key in the dynamic metadata namespace `envoy.lb` under which Envoy finds the endpoint: the name
 * of the Gateway API Inference Extension's endpoint picker protocol.
 */
export const ENDPOINT_KEY = "x-gateway-destination-endpoint";

/** An `envoy.config.endpoint.v3.ClusterLoadAssignment` in proto3 JSON. */
export interface Assignment extends Record<string, unknown> {
  readonly cluster_name: string;
  readonly endpoints: readonly { readonly lb_endpoints: readonly object[] }[];
}

/**
 * Returns the hosts as the endpoints of a cluster. Each bears its name in the metadata that picks
 * it, and says whether it wants TLS.
 */
export function assignmentOf(cluster: string, hosts: readonly BackendHost[]): Assignment {
  return {
    cluster_name: cluster,
    endpoints: [{ lb_endpoints: hosts.map(endpoint) }],
  };
}

function endpoint(host: BackendHost): object {
  const authority = host.hostname ?? hostPort(host.host, host.port);
  return {
    endpoint: {
      address: { socket_address: { address: host.host, port_value: host.port } },
      // Envoy sends the hostname as SNI as it stands, and servers refuse one with a port.
      hostname: host.tls ? authority.replace(/:\d+$/, "") : authority,
    },
    metadata: {
      filter_metadata: {
        "envoy.lb": { [ENDPOINT_KEY]: host.endpoint },
        "envoy.transport_socket_match": { transport: host.tls ? "tls" : "plain" },
      },
    },
  };
}
