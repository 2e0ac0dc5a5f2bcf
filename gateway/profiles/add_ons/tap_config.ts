/** The tap in an Envoy configuration: a filter that copies and never holds, and its cluster. */
import { createHash } from "node:crypto";
import type { EnvoyConfigFile } from "../../../envoy/mod.ts";
import { UsageError } from "../../../service/mod.ts";
import { proving } from "./proof.ts";

/** Cluster of the tap. */
export const TAP_CLUSTER = "tap";

const EXTENSIONS = "type.googleapis.com/envoy.extensions";
const EXT_PROC = "envoy.filters.http.ext_proc";
const EXT_AUTHZ = "envoy.filters.http.ext_authz";
const ROUTER = "envoy.filters.http.router";

/** Name of the filter: a route that turns off a profile's own processor does not mean this one. */
const TAP_FILTER = "tap";

/**
 * Whether a full copy stops the stream that it copies. It is Envoy's default, and the one thing by which a tap that hangs
 * could be felt (runtime guard of Envoy 1.33 and newer).
 */
const FLOW_CONTROL = "envoy.reloadable_features.grpc_side_stream_flow_control";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

/**
 * Returns a configuration with the tap in it, behind policy: what is refused is not copied.
 *
 * @throws {UsageError} for one that asks no policy
 */
export function withTap(file: EnvoyConfigFile): EnvoyConfigFile {
  const bootstrap: Config = structuredClone(file.bootstrap);
  const { listeners, clusters } = bootstrap.static_resources;
  const policy = clusters.find(({ name }: Config) => name === "policy_engine");
  if (policy === undefined) {
    throw new UsageError(`Cannot use --tap with ${file.name}: it has no cluster policy_engine`);
  }
  for (const listener of listeners) {
    for (const chain of listener.filter_chains ?? []) {
      for (const { typed_config: manager } of chain.filters ?? []) {
        if (manager?.http_filters !== undefined) addTo(manager.http_filters);
      }
    }
  }
  clusters.push(clusterLike(policy));
  bootstrap.layered_runtime ??= { layers: [] };
  bootstrap.layered_runtime.layers.push({
    name: "tap",
    static_layer: { [FLOW_CONTROL]: false },
  });
  const text = `${JSON.stringify(bootstrap, null, 2)}\n`;
  return {
    name: `${file.name} with tap`,
    text,
    sha256: createHash("sha256").update(text).digest("hex"),
    bootstrap,
  };
}

function addTo(filters: Config[]): void {
  const policy = filters.findIndex(({ name }) => name === EXT_AUTHZ);
  const own = filters.findIndex(({ name }) => name === EXT_PROC);
  const router = filters.findIndex(({ name }) => name === ROUTER);
  const at = policy >= 0 ? policy + 1 : own >= 0 ? own : router;
  filters.splice(at, 0, {
    name: TAP_FILTER,
    typed_config: {
      "@type": `${EXTENSIONS}.filters.http.ext_proc.v3.ExternalProcessor`,
      grpc_service: { envoy_grpc: { cluster_name: TAP_CLUSTER } },
      // Envoy copies and goes on: it waits for no answer, and takes none.
      observability_mode: true,
      failure_mode_allow: true,
      processing_mode: {
        request_header_mode: "SEND",
        request_body_mode: "STREAMED",
        request_trailer_mode: "SKIP",
        response_header_mode: "SEND",
        response_body_mode: "STREAMED",
        response_trailer_mode: "SKIP",
      },
    },
  });
}

/** A cluster of the same kind as policy's: gRPC to one endpoint, which hears who asks. */
function clusterLike(policy: Config): Config {
  const cluster = structuredClone(policy);
  cluster.name = TAP_CLUSTER;
  cluster.load_assignment.cluster_name = TAP_CLUSTER;
  return proving(cluster);
}
