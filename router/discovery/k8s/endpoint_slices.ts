/** EndpointSlices (discovery.k8s.io/v1) to hosts. */
import { hostPort } from "../../../service/mod.ts";
import type { BackendHost } from "../../hosts.ts";

/** The fields that are read of an EndpointSlice (Kubernetes API reference, EndpointSlice v1 discovery.k8s.io). */
export interface EndpointSlice {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
  };
  readonly addressType: string;
  readonly endpoints?: readonly SliceEndpoint[] | null;
  readonly ports?: readonly SlicePort[] | null;
}

interface SliceEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: { readonly ready?: boolean | null };
  readonly targetRef?: { readonly uid?: string };
}

interface SlicePort {
  readonly name?: string | null;
  readonly port?: number | null;
}

/** The port of a pod: its number, its name in the Service, or undefined for the first one. */
export type PodPort = number | string | undefined;

/** Slices of IPv4 come first: a pod with two addresses is one host. */
const ADDRESS_TYPES = ["IPv4", "IPv6"];

/**
 * Returns the ready endpoints of slices, each once, in the order of their names. "Unknown" counts
 * as ready, as the API says. Consumers must merge slices: an endpoint may stand in two for a while.
 */
export function hostsOfSlices(slices: Iterable<EndpointSlice>, port: PodPort): BackendHost[] {
  const hosts = new Map<string, BackendHost>();
  const pods = new Set<string>();
  const sorted = [...slices].filter(({ addressType }) => ADDRESS_TYPES.includes(addressType))
    .sort((a, b) => a.addressType.localeCompare(b.addressType));
  for (const slice of sorted) {
    const number = portOf(slice, port);
    if (number === undefined) continue;
    for (const { addresses, conditions, targetRef } of slice.endpoints ?? []) {
      // All addresses of one endpoint are the same pod (fungible, as the API says).
      const [address] = addresses;
      if (address === undefined || conditions?.ready === false) continue;
      const endpoint = hostPort(address, number);
      const pod = `${targetRef?.uid ?? address} ${number}`;
      if (hosts.has(endpoint) || pods.has(pod)) continue;
      pods.add(pod);
      hosts.set(endpoint, { host: address, port: number, endpoint, models: undefined });
    }
  }
  return [...hosts.values()].sort((a, b) => a.endpoint < b.endpoint ? -1 : 1);
}

function portOf({ ports }: EndpointSlice, wanted: PodPort): number | undefined {
  if (typeof wanted === "number") return wanted;
  const found = wanted === undefined ? ports?.[0] : ports?.find(({ name }) => name === wanted);
  return found?.port ?? undefined;
}
