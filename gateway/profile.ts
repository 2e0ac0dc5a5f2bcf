/** A gateway that can be run: data, so that a new one is a row and not a branch. */
export interface Profile {
  readonly name: string;
  readonly summary: string;
  /** Names in the profile's Envoy configuration. */
  readonly listener: string;
  readonly policyCluster: string;
  readonly upstreamCluster: string;
  /** Cluster of the model router, where there is one: the upstream's cluster then holds its backends. */
  readonly routerCluster?: string;
  /** Cluster of the Responses gateway's processor; the upstream's cluster is its HTTP server then. */
  readonly responsesCluster?: string;
}

/** Every profile. The names of listeners and clusters are those of `envoy/configs/<name>.yaml`. */
export const PROFILES = {
  base: {
    name: "base",
    summary: "policy in front of one upstream",
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: "upstream",
  },
  router: {
    name: "router",
    summary: "policy and a model router in front of several model servers",
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: "backends",
    routerCluster: "router",
  },
  responses: {
    name: "responses",
    summary: "policy and the OpenAI Responses gateway in front of one model server",
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: "responses_http",
    responsesCluster: "responses_extproc",
  },
} as const satisfies Record<string, Profile>;

export type ProfileName = keyof typeof PROFILES;

/** Returns a profile, the base profile when none is named. */
export function profileOf(name: ProfileName = "base"): Profile & { readonly name: ProfileName } {
  return PROFILES[name];
}
