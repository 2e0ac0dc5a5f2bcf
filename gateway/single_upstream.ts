/** The parts of a gateway with one upstream: the mock, or somebody's model server in its place. */
import { bundledConfig, type Endpoint } from "../envoy/mod.ts";
import { DEFAULT_PORTS, loadModule } from "../service/mod.ts";
import type { Upstream } from "../upstream/mod.ts";
import { chatFields, suggestionsFor } from "./curl.ts";
import type { Part, PortSpec, Profile } from "./profile.ts";
import { parseUpstreamUrl } from "./upstream_url.ts";

/** A model server in place of the mock. */
export interface ForeignUpstream {
  /** Base URL without `/v1`: `http://127.0.0.1:11434`. */
  readonly url: string;
  /** Roots that its certificate must chain to, a PEM file; needed for https. */
  readonly caFile?: string;
}

/** The running mock, or nothing where a model server stands in. */
export interface SinglePart extends Part {
  readonly mock: Upstream | undefined;
}

/** Port of the mock upstream. */
export const UPSTREAM_PORT: PortSpec = {
  name: "upstream",
  what: "the mock upstream",
  default: DEFAULT_PORTS.upstream,
  flag: "--upstream-port",
};

const LOOPBACK = "127.0.0.1";

/**
 * Returns the profile `base`: policy in front of one upstream, which is the mock unless one is given.
 *
 * @throws {UsageError} when the upstream's URL cannot be used
 */
export function singleUpstream(
  { upstream }: { readonly upstream?: ForeignUpstream | undefined } = {},
): Profile<SinglePart> {
  const target = upstream && parseUpstreamUrl(upstream.url);
  const endpoint = (port = 0): Endpoint =>
    target === undefined ? { host: LOOPBACK, port } : {
      host: target.host,
      port: target.port,
      hostname: target.hostname,
      ...(target.tls ? { tls: { caFile: upstream?.caFile ?? "" } } : {}),
    };
  return {
    name: "base",
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: "upstream",
    config: (own = bundledConfig("base")) => own,
    ports: target === undefined ? [UPSTREAM_PORT] : [],
    overlay: (ports, { upstreamCluster }) => ({
      clusters: { [upstreamCluster]: endpoint(ports.upstream) },
      ...(target && { pathPrefixes: { [upstreamCluster]: target.pathPrefix } }),
    }),
    async start(place) {
      const mock = upstream === undefined ? await startMock(place) : undefined;
      return partOf(mock, mock?.url ?? upstream?.url ?? "");
    },
  };
}

/** Starts the mock upstream of a profile. */
export async function startMock(
  { ports, scenarios, journalLimit, log }: Parameters<Profile["start"]>[0],
): Promise<Upstream> {
  const { startUpstream } = await loadModule<typeof import("../upstream/mod.ts")>(
    "upstream/mod.ts",
  );
  return await startUpstream({
    host: LOOPBACK,
    port: ports.upstream ?? 0,
    ...(scenarios === undefined ? {} : { scenarios }),
    journalLimit,
    log,
  });
}

function partOf(mock: Upstream | undefined, url: string): SinglePart {
  return {
    mock,
    ports: mock === undefined ? {} : { upstream: mock.port },
    upstreamUrl: url,
    mocks: mock === undefined ? [] : [mock],
    upstream: mock,
    metrics: [],
    services: {},
    welcome: () => [{ label: "upstream", text: url, foreign: mock === undefined }],
    suggestions: (ingress) => suggestionsFor(ingress, "/v1/chat/completions", chatFields()),
    [Symbol.asyncDispose]: async () => await mock?.[Symbol.asyncDispose](),
  };
}
