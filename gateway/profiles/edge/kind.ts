/** The profile `edge`: identity, limits and traces in front of upstreams that stand in for each other. */
import { loadModule } from "../../../service/mod.ts";
import { UPSTREAM_PORT, withAddOns } from "../../mod.ts";
import type { ProfileKind } from "../kind.ts";
import { addressOf, EDGE_FLAGS, edgeOptionsOf } from "./flags.ts";
import { collectorAddOn, OTLP_PORTS } from "./observe/part.ts";
import { trafficOf } from "./upstreams/flags.ts";
import { edgeProfile, LIMITS_PORT, TLS_PORT } from "./profile.ts";

const noRoots = (url: string) => Promise.resolve({ url });

export const EDGE: ProfileKind<typeof EDGE_FLAGS> = {
  name: "edge",
  summary:
    "tokens, certificates, limits and traces in front of upstreams in order; needs Envoy 1.40",
  ports: [UPSTREAM_PORT, LIMITS_PORT, TLS_PORT, ...OTLP_PORTS],
  flags: EDGE_FLAGS,
  takesUpstreams: true,
  async bind(values, { env, upstreams = [], keyNames = [], foreign: foreignUpstream = noRoots }) {
    const around = { env, upstreams, keyNames, foreign: foreignUpstream };
    const traffic = await trafficOf(values, around);
    const profile = edgeProfile({ ...edgeOptionsOf(values, env), traffic });
    const foreign = values.otlp === undefined ? undefined : addressOf(values.otlp);
    return { profile: withAddOns(profile, [collectorAddOn({ foreign })]) };
  },
  judge: async () =>
    (await loadModule<typeof import("./judge/mod.ts")>("gateway/profiles/edge/judge/mod.ts"))
      .EDGE_JUDGE,
};
