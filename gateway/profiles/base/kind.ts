/** The profile `base`: policy in front of one upstream. */
import { loadModule } from "../../../service/mod.ts";
import { singleUpstream, UPSTREAM_PORT } from "../../mod.ts";
import type { ProfileKind } from "../kind.ts";

export const BASE: ProfileKind<Record<never, never>> = {
  name: "base",
  summary: "policy in front of one upstream",
  ports: [UPSTREAM_PORT],
  flags: {},
  bind: (_, { upstream }) => Promise.resolve({ profile: singleUpstream({ upstream }) }),
  judge: async () =>
    (await loadModule<typeof import("./judge.ts")>("gateway/profiles/base/judge.ts")).BASE_JUDGE,
  manifests: async () =>
    (await loadModule<typeof import("./manifests.ts")>("gateway/profiles/base/manifests.ts"))
      .BASE_MANIFESTS,
};
