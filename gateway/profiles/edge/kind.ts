/** The profile `edge`: tokens, certificates and limits in front of one upstream. */
import { loadModule } from "../../../service/mod.ts";
import { UPSTREAM_PORT } from "../../mod.ts";
import type { ProfileKind } from "../kind.ts";
import { EDGE_FLAGS, edgeOptionsOf } from "./flags.ts";
import { trafficOf } from "./upstreams/flags.ts";
import { edgeProfile, LIMITS_PORT, TLS_PORT } from "./profile.ts";

const noRoots = (url: string) => Promise.resolve({ url });

export const EDGE: ProfileKind<typeof EDGE_FLAGS> = {
  name: "edge",
  summary: "tokens, certificates and limits in front of one upstream; needs Envoy 1.40",
  ports: [UPSTREAM_PORT, LIMITS_PORT, TLS_PORT],
  flags: EDGE_FLAGS,
  takesUpstreams: true,
  async bind(values, { env, upstreams = [], keyNames = [], foreign = noRoots }) {
    const traffic = await trafficOf(values, { env, upstreams, keyNames, foreign });
    return { profile: edgeProfile({ ...edgeOptionsOf(values, env), traffic }) };
  },
  judge: async () =>
    (await loadModule<typeof import("./judge/mod.ts")>("gateway/profiles/edge/judge/mod.ts"))
      .EDGE_JUDGE,
};
