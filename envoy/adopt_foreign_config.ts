/** Makes somebody else's configuration launchable between our policy and our upstream. */
import { UsageError } from "../service/mod.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { type Ingress, lintModel, type Placed } from "./model.ts";
import { normalForm } from "./normal_form.ts";
import { deleteAt, isObject, type JsonObject, setAt, valueAt } from "./tree.ts";

/** Somebody else's configuration, ready to be launched between our policy and our upstream. */
export interface AdoptedConfig {
  /** The configuration with its adjustments; name, text and hash are the file's. */
  readonly file: EnvoyConfigFile;
  /** The listener that is judged. */
  readonly listener: string;
  /** The cluster that ext_authz asks over gRPC; absent when there is none. */
  readonly policyCluster: string | undefined;
  /** The cluster that requests are forwarded to; others that are routed to follow it. */
  readonly upstreamCluster: string;
  /** What had to be changed beside addresses, one sentence each, for the report. */
  readonly adjustments: readonly string[];
}

const LOOPBACK = "127.0.0.1";
/** Cluster types whose endpoints stand in the file, or in a name that it holds. */
const ADDRESSABLE = new Set(["STATIC", "STRICT_DNS", "LOGICAL_DNS"]);

/**
 * Finds out which listener, policy cluster and upstream clusters a configuration has, and takes
 * away what would keep it from running beside us: fixed addresses of its other listeners, and TLS
 * towards the parts that we stand in for. Everything else stays, faults included.
 *
 * @throws {UsageError} when it has no listener for HTTP, no route, or clusters without addresses
 */
export function adoptEnvoyConfig(
  file: EnvoyConfigFile,
  options: { readonly listener?: string } = {},
): AdoptedConfig {
  const bootstrap = normalForm(structuredClone(file.bootstrap)).root as JsonObject;
  const adjustments: string[] = [];
  nameListeners(bootstrap, adjustments);
  const model = lintModel(bootstrap, { trustedNames: [], modelRoutes: undefined });
  const ingress = pickIngress(model.ingresses, file, options.listener);
  moveOtherListeners(bootstrap, ingress.listener, adjustments);
  const policyCluster = policyOf(ingress, adjustments);
  const routed = ingress.routes.flatMap(({ clusters }) => clusters)
    .filter((name) => name !== policyCluster);
  const [upstreamCluster, ...others] = [...new Set(routed)];
  if (upstreamCluster === undefined) {
    throw new UsageError(
      `Cannot judge "${file.name}": the listener "${ingress.listener}" forwards to no cluster ` +
        `that stands in the file${ingress.routesMissing ? " (its routes come by RDS)" : ""}`,
    );
  }
  for (const name of [policyCluster, upstreamCluster, ...others]) {
    if (name === undefined) continue;
    adoptCluster(clusterOf(model.clusters, name, file), file, adjustments);
  }
  for (const name of others) {
    const { value } = clusterOf(model.clusters, name, file);
    setAt(value, "metadata/filter_metadata/llmgate.overlay/follows", upstreamCluster);
    adjustments.push(`The cluster "${name}" has the address of "${upstreamCluster}"`);
  }
  return {
    file: { ...file, bootstrap },
    listener: ingress.listener,
    policyCluster,
    upstreamCluster,
    adjustments,
  };
}

function listenersOf(bootstrap: JsonObject): JsonObject[] {
  const listeners = valueAt(bootstrap, "static_resources/listeners");
  return Array.isArray(listeners) ? listeners.filter(isObject) : [];
}

/** Addresses are set and read back by name. */
function nameListeners(bootstrap: JsonObject, adjustments: string[]): void {
  listenersOf(bootstrap).forEach((listener, index) => {
    if (typeof listener.name === "string" && listener.name !== "") return;
    listener.name = `listener_${index}`;
    adjustments.push(`The unnamed listener ${index} is called "${listener.name}"`);
  });
}

function pickIngress(
  ingresses: readonly Ingress[],
  file: EnvoyConfigFile,
  wanted: string | undefined,
): Ingress {
  const forwarding = ingresses.filter(({ routes }) => routes.length > 0);
  const found = wanted === undefined
    ? forwarding[0] ?? ingresses[0]
    : ingresses.find(({ listener }) => listener === wanted);
  if (found !== undefined) return found;
  const names = ingresses.map(({ listener }) => `"${listener}"`).join(", ");
  throw new UsageError(
    `Cannot judge "${file.name}": it has no listener ${
      wanted === undefined ? "" : `"${wanted}" `
    }` +
      `with an HTTP connection manager${names === "" ? "" : `, only ${names}`}`,
  );
}

function moveOtherListeners(bootstrap: JsonObject, judged: string, adjustments: string[]): void {
  for (const listener of listenersOf(bootstrap)) {
    if (listener.name === judged || valueAt(listener, "address/socket_address") === undefined) {
      continue;
    }
    setAt(listener, "address/socket_address/address", LOOPBACK);
    setAt(listener, "address/socket_address/port_value", 0);
    adjustments.push(`The listener "${listener.name}" is not judged, and moved to a free port`);
  }
}

function policyOf(ingress: Ingress, adjustments: string[]): string | undefined {
  const filter = ingress.filters.find(({ type }) => type === "ExtAuthz");
  const name = valueAt(filter?.config, "grpc_service/envoy_grpc/cluster_name");
  if (typeof name === "string") return name;
  adjustments.push(
    filter === undefined
      ? "There is no ext_authz filter: nobody asks our policy"
      : "ext_authz does not ask a cluster over gRPC: our policy cannot stand in",
  );
  return undefined;
}

function clusterOf(
  clusters: ReadonlyMap<string, Placed>,
  name: string,
  file: EnvoyConfigFile,
): Placed {
  const found = clusters.get(name);
  if (found !== undefined) return found;
  throw new UsageError(`Cannot judge "${file.name}": the cluster "${name}" is not in the file`);
}

function adoptCluster({ value }: Placed, file: EnvoyConfigFile, adjustments: string[]): void {
  const type = String(value.type ?? "STATIC");
  const endpoints = valueAt(value, "load_assignment/endpoints/0/lb_endpoints/0");
  if (!ADDRESSABLE.has(type) || value.cluster_type !== undefined || endpoints === undefined) {
    throw new UsageError(
      `Cannot judge "${file.name}": the cluster "${value.name}" does not hold its endpoints ` +
        `(type ${type}): give it a load_assignment`,
    );
  }
  if (value.transport_socket !== undefined) {
    deleteAt(value, "transport_socket");
    adjustments.push(`The cluster "${value.name}" speaks plain text to our part, and not TLS`);
  }
  if (value.health_checks !== undefined) {
    deleteAt(value, "health_checks");
    adjustments.push(`The cluster "${value.name}" makes no health checks of its own`);
  }
}
