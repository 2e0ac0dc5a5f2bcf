/** One upstream in exports: a model server, or the mock. */
import {
  anybody,
  exportedAt,
  IMAGE_ROOTS,
  mockService,
  mockUpstream,
  PARTS,
  pods,
  type ProfileManifests,
} from "../../../manifests/mod.ts";
import { singleUpstream } from "../../mod.ts";

const PROFILE = singleUpstream();

export const BASE_MANIFESTS: ProfileManifests = {
  ...PROFILE,
  takesUpstream: true,
  overlay({ upstream }) {
    const cluster = PROFILE.upstreamCluster;
    if (upstream === undefined) {
      const clusters = { [cluster]: exportedAt(PARTS.upstream) };
      return { clusters, pathPrefixes: { [cluster]: "" } };
    }
    const { host, port, hostname, tls, pathPrefix } = upstream;
    return {
      clusters: {
        [cluster]: { host, port, hostname, ...(tls ? { tls: { caFile: IMAGE_ROOTS } } : {}) },
      },
      pathPrefixes: { [cluster]: pathPrefix },
    };
  },
  compose: (settings) => ({
    services: settings.upstream === undefined
      ? { [PARTS.upstream.name]: mockService(settings) }
      : {},
  }),
  kubernetes: (settings) =>
    settings.upstream === undefined
      ? [{
        file: "mock-upstream.yaml",
        comment: "A mock in place of a model server.",
        objects: mockUpstream(settings),
      }]
      : [],
  egress: ({ upstream }) => [
    upstream === undefined
      ? pods("to", PARTS.upstream.name, PARTS.upstream.port)
      : anybody(upstream.port),
  ],
};
