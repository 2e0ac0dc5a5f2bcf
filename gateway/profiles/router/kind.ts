/** The profile `router`: policy and a model router in front of several model servers. */
import { choiceOption } from "../../../options/mod.ts";
import { defined, loadModule, UsageError } from "../../../service/mod.ts";
import type { ProfileKind } from "../kind.ts";
import {
  backendRoots,
  bodyBytesOf,
  healthOf,
  kubernetesOf,
  LOGIC_CHOICES,
  ROUTER_FLAGS,
  ROUTER_PORT_FLAG,
  staticHostsOf,
} from "./flags.ts";
import { ROUTER_PORT, routerProfile } from "./profile.ts";

const FLAGS = { ...ROUTER_PORT_FLAG, ...ROUTER_FLAGS };

export const ROUTER: ProfileKind<typeof FLAGS> = {
  name: "router",
  summary: "policy and a model router in front of several model servers",
  ports: [ROUTER_PORT],
  flags: FLAGS,
  judgeFlags: {
    logic: choiceOption("--routing-logic <NAME>", {
      description: "how a router given by --gateway chooses; its own cases then run",
      choices: LOGIC_CHOICES,
      default: "round_robin",
    }),
  },
  async bind(values, { env, upstream }) {
    if (upstream !== undefined) {
      throw new UsageError(
        'Cannot use an upstream with the profile "router": name its backends by --static-hosts',
      );
    }
    const hosts = await staticHostsOf(values, env);
    const kubernetes = kubernetesOf(values, env);
    const isOurs = hosts === undefined && kubernetes === undefined;
    return {
      profile: routerProfile(defined({
        hosts,
        readModels: hosts === undefined ? undefined : values.staticModels === undefined,
        caFile: await backendRoots(hosts, env),
        kubernetes,
        routesFile: values.routeConfig,
        logic: values.logic,
        sessionHeader: values.sessionHeader,
        modelHeader: values.modelHeader,
        maxBodyBytes: bodyBytesOf(values),
        // Mock backends are ours, and what asks them is in their journals.
        health: isOurs ? undefined : healthOf(values),
      })),
    };
  },
  judge: async () =>
    (await loadModule<typeof import("./judge/mod.ts")>("gateway/profiles/router/judge/mod.ts"))
      .ROUTER_JUDGE,
  manifests: async () =>
    (await loadModule<typeof import("./manifests.ts")>("gateway/profiles/router/manifests.ts"))
      .ROUTER_MANIFESTS,
};
