/** The upstreams of the profile: model servers, or mocks where none is named, and where Envoy finds them. */
import type { Endpoint, EnvoyConfigFile } from "../../../../envoy/mod.ts";
import {
  chatFields,
  type Place,
  type Ports,
  type PortSpec,
  type Profile,
  type SinglePart,
  singleUpstream,
  startBackendPool,
  suggestionsFor,
  UPSTREAM_PORT,
} from "../../../mod.ts";
import { MIRROR_CLUSTER, withTraffic } from "./config.ts";
import {
  allUpstreams,
  endpointsOf,
  environmentOf,
  isPlain,
  lanesOf,
  type Traffic,
  type TrafficUpstream,
} from "./traffic.ts";

/** The part of a profile that has traffic: what stands behind Envoy's upstream clusters. */
export interface TrafficProfile extends Profile<SinglePart> {
  /** Puts the traffic into the profile's configuration. */
  traffic(file: EnvoyConfigFile): EnvoyConfigFile;
}

const LOOPBACK = "127.0.0.1";

/**
 * Returns the upstreams as the core of a profile.
 *
 * @throws {UsageError} when the URL of one cannot be used
 */
export function trafficProfile(traffic: Traffic): TrafficProfile {
  if (isPlain(traffic)) {
    const upstream = traffic.upstreams[0]?.replicas[0];
    return { ...singleUpstream({ upstream }), traffic: (file) => file };
  }
  const base = singleUpstream();
  const all = allUpstreams(traffic);
  const mocks = mockPorts(traffic);
  return {
    ...base,
    traffic: (file) => withTraffic(file, traffic),
    ports: mocks.map(({ spec }) => spec),
    environment: () => environmentOf(traffic),
    overlay: (ports) => ({
      clusters: Object.fromEntries([
        ...lanesOf(traffic).map(({ cluster, order }) => [
          cluster,
          order.flatMap((index) => placesOf(all[index], { mocks, ports })),
        ]),
        ...(traffic.mirror === undefined
          ? []
          : [[MIRROR_CLUSTER, placesOf(traffic.mirror, { mocks, ports })]]),
      ]),
    }),
    start: (place) => startTraffic(traffic, { place, mocks }),
  };
}

interface MockPort {
  readonly upstream: TrafficUpstream;
  readonly spec: PortSpec;
}

/** The ports of the mocks: the first has its flag, the others are free ones. */
function mockPorts(traffic: Traffic): MockPort[] {
  return [...allUpstreams(traffic), ...(traffic.mirror ? [traffic.mirror] : [])]
    .filter(({ replicas }) => replicas.length === 0)
    .map((upstream, index) => ({
      upstream,
      spec: index === 0 ? UPSTREAM_PORT : {
        name: `upstream_${index + 1}`,
        what: "a mock upstream",
        default: 0,
        flag: UPSTREAM_PORT.flag,
      },
    }));
}

function placesOf(
  upstream: TrafficUpstream | undefined,
  { mocks, ports }: { mocks: readonly MockPort[]; ports: Ports },
): Endpoint[] {
  if (upstream === undefined) return [];
  const own = mocks.find((mock) => mock.upstream === upstream)?.spec.name ?? "";
  return endpointsOf(upstream, { host: LOOPBACK, port: ports[own] ?? 0 });
}

async function startTraffic(
  traffic: Traffic,
  { place, mocks }: { place: Place; mocks: readonly MockPort[] },
): Promise<SinglePart> {
  const pool = mocks.length === 0 ? undefined : await startBackendPool({
    host: LOOPBACK,
    ports: mocks.map(({ spec }) => place.ports[spec.name] ?? 0),
    scenarios: place.scenarios,
    journalLimit: place.journalLimit,
    log: place.log,
  });
  const backends = pool?.backends ?? [];
  const url = (upstream: TrafficUpstream) => {
    const at = mocks.findIndex((mock) => mock.upstream === upstream);
    return backends[at]?.url ?? upstream.replicas.map((replica) => replica.url).join(", ");
  };
  const lines = [
    ...traffic.upstreams.map((one) => ["upstream", one] as const),
    ...(traffic.canary
      ? [[`canary ${traffic.canary.percent}%`, traffic.canary.upstream] as const]
      : []),
    ...(traffic.variants ?? []).map(({ name, upstream }) => [`variant ${name}`, upstream] as const),
    ...(traffic.mirror ? [["mirror", traffic.mirror] as const] : []),
  ];
  return {
    mock: undefined,
    ports: Object.fromEntries(
      mocks.map(({ spec }, index) => [spec.name, backends[index]?.port ?? 0]),
    ),
    upstreamUrl: traffic.upstreams.map(url).join(","),
    mocks: backends,
    upstream: pool,
    metrics: [],
    services: { upstreams: traffic.upstreams.map(url) },
    welcome: () =>
      lines.map(([label, one]) => ({ label, text: url(one), foreign: one.replicas.length > 0 })),
    suggestions: (ingress) => suggestionsFor(ingress, "/v1/chat/completions", chatFields()),
    [Symbol.asyncDispose]: async () => await pool?.[Symbol.asyncDispose](),
  };
}
