/** Every way of discovery under one name. */
import type { Log } from "../../service/mod.ts";
import type { BackendHost } from "../hosts.ts";
import type { HostSource } from "./host_source.ts";
import { type AccessOptions, clusterAccess } from "./k8s/cluster_access.ts";
import { startK8sDiscovery } from "./k8s/k8s_discovery.ts";
import { startStaticDiscovery } from "./static_discovery.ts";

/** Names of the ways, as `--service-discovery` takes them. */
export const SERVICE_DISCOVERIES = ["static", "k8s"] as const;

export type ServiceDiscovery = typeof SERVICE_DISCOVERIES[number];

/** Pods behind Services in Kubernetes. */
export interface KubernetesHosts extends AccessOptions {
  readonly labelSelector: string;
  /** That of the pod, or of the kubeconfig's context, when left out. */
  readonly namespace?: string | undefined;
  /** A number, or a port's name in the Service; its first one when left out. */
  readonly port?: string | undefined;
  /** The pods' key: asked with, and sent with every request. */
  readonly key?: string | undefined;
}

/** Options of {@linkcode discoverHosts}. */
export interface DiscoverOptions {
  /** Named hosts, as `parseHosts()` reads them; not used with `kubernetes`. */
  readonly hosts: readonly BackendHost[];
  /** Ask named hosts for their models. */
  readonly readModels: boolean;
  readonly kubernetes?: KubernetesHosts | undefined;
  /** Roots for hosts with TLS, PEM; the system's when left out. */
  readonly ca?: string | undefined;
  readonly log: Log;
}

/**
 * Starts discovery and resolves with the first hosts.
 *
 * @throws {UsageError} when there is no way to the Kubernetes API
 * @throws {UnavailableError} when that API refuses, or cannot be reached in time
 */
export async function discoverHosts(options: DiscoverOptions): Promise<HostSource> {
  const { hosts, readModels, kubernetes, ca, log } = options;
  if (kubernetes === undefined) {
    return await startStaticDiscovery({
      hosts,
      readModels,
      log,
      ...(ca === undefined ? {} : { ca }),
    });
  }
  const { labelSelector, namespace, port, key } = kubernetes;
  return await startK8sDiscovery({
    access: await clusterAccess(kubernetes),
    namespace,
    labelSelector,
    key,
    port: port !== undefined && /^\d+$/.test(port) ? Number(port) : port,
    log,
  });
}
