/** Traffic to more than one upstream, as data: where requests go, and what happens when they fail there. */
import { hostPort } from "../../../../service/mod.ts";
import type { Endpoint } from "../../../../envoy/mod.ts";
import { type ForeignUpstream, parseUpstreamUrl } from "../../../mod.ts";

/** Credential of an upstream; Envoy reads it from its own environment, so that no configuration holds it. */
export interface UpstreamKey {
  /** Name of the environment variable. */
  readonly env: string;
  readonly value: string;
}

/** One upstream: a model server, or replicas of it that requests are spread over. */
export interface TrafficUpstream {
  /** Replicas; empty for a mock. They share the path of the first. */
  readonly replicas: readonly ForeignUpstream[];
  /** Replaces the client's credential. */
  readonly key?: UpstreamKey | undefined;
}

/** One condition under which the next upstream is asked: `refused`, `reset`, `429`, `5xx`. */
export type FallbackCondition = "refused" | "reset" | `${number}` | `${number}xx`;

/** Traffic settings of the profile. */
export interface Traffic {
  /** In the order in which they are asked. */
  readonly upstreams: readonly TrafficUpstream[];
  readonly fallbackOn: readonly FallbackCondition[];
  /** Attempts of a request at most; one for each upstream when left out. */
  readonly attempts?: number | undefined;
  /** Milliseconds until an upstream must have sent its first header. */
  readonly firstByteMs?: number | undefined;
  /** Whether the next upstream is asked beside the slow one, and not in its place. */
  readonly hedge?: boolean | undefined;
  /** Requests in flight, of all upstreams together. */
  readonly maxInFlight?: number | undefined;
  /** Path that a healthy upstream answers with 200; none is asked when left out. */
  readonly healthPath?: string | undefined;
  /** Header whose value sticks to one replica. */
  readonly affinity?: string | undefined;
  /** Receives a copy of each request. */
  readonly mirror?: TrafficUpstream | undefined;
  /** Gets a share of the requests; what fails there goes on as any other. */
  readonly canary?: { readonly percent: number; readonly upstream: TrafficUpstream } | undefined;
  /** Upstreams that clients choose by the value of a header. */
  readonly variants?: readonly { readonly name: string; readonly upstream: TrafficUpstream }[];
}

/** Conditions when none are named: whatever says that this upstream cannot answer now. */
export const FALLBACK_ON: readonly FallbackCondition[] = ["refused", "reset", "429", "5xx"];

/** Header by which a client chooses a variant. */
export const VARIANT_HEADER = "x-llm-variant";

/** A way that requests take: the cluster of its name, whose upstreams are asked in this order. */
export interface Lane {
  readonly cluster: string;
  /** Indices of {@linkcode allUpstreams}. */
  readonly order: readonly number[];
}

/** One mock, and nothing to do about its failures. */
export function plainTraffic(): Traffic {
  return { upstreams: [{ replicas: [] }], fallbackOn: FALLBACK_ON };
}

/** Whether the profile's configuration serves it as it stands. */
export function isPlain(traffic: Traffic): boolean {
  const { upstreams: [first, ...more], fallbackOn: _, ...rest } = traffic;
  return more.length === 0 && first?.key === undefined && (first?.replicas.length ?? 0) < 2 &&
    Object.values(rest).every((value) => !value || Array.isArray(value) && value.length === 0);
}

/** Every upstream that answers clients: those in order, the canary, the variants. */
export function allUpstreams({ upstreams, canary, variants = [] }: Traffic): TrafficUpstream[] {
  return [
    ...upstreams,
    ...(canary === undefined ? [] : [canary.upstream]),
    ...variants.map(({ upstream }) => upstream),
  ];
}

/** The lanes: the main one first. Every other begins with its own upstream, and goes on as the main one. */
export function lanesOf(traffic: Traffic): Lane[] {
  const { upstreams, canary, variants = [] } = traffic;
  const order = upstreams.map((_, index) => index);
  const first = upstreams.length + (canary === undefined ? 0 : 1);
  return [
    { cluster: "upstream", order },
    ...(canary === undefined ? [] : [{ cluster: "canary", order: [upstreams.length, ...order] }]),
    ...variants.map(({ name }, index) => ({
      cluster: `variant_${name}`,
      order: [first + index, ...order],
    })),
  ];
}

/** Where the replicas of an upstream are; a mock's at `mock`. */
export function endpointsOf(upstream: TrafficUpstream, mock: Endpoint): Endpoint[] {
  if (upstream.replicas.length === 0) return [mock];
  return upstream.replicas.map(({ url, caFile }) => {
    const { host, port, hostname, tls } = parseUpstreamUrl(url);
    return { host, port, hostname, ...(tls && { tls: { caFile: caFile ?? "" } }) };
  });
}

/** Prefix of the paths at an upstream; empty for none. */
export function pathPrefixOf({ replicas: [first] }: TrafficUpstream): string {
  return first === undefined ? "" : parseUpstreamUrl(first.url).pathPrefix;
}

/** The name of an upstream in logs. */
export function nameOf({ replicas }: TrafficUpstream, index: number): string {
  if (replicas.length === 0) return `mock ${index + 1}`;
  const { host, port } = parseUpstreamUrl(replicas[0]?.url ?? "");
  return hostPort(host, port) + pathPrefixOf({ replicas });
}

/** The variables that Envoy must find in its environment. */
export function environmentOf(traffic: Traffic): Record<string, string> {
  const keys = [...allUpstreams(traffic), ...(traffic.mirror ? [traffic.mirror] : [])]
    .flatMap(({ key }) => key === undefined ? [] : [[key.env, key.value] as const]);
  return Object.fromEntries(keys);
}
