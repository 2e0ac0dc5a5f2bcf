/** Starts router gateways with a defect, in their copies too; without one they are correct. */
import { bundledConfig, parseEnvoyConfig } from "../../../../envoy/mod.ts";
import {
  type RunningTarget,
  settingsOf,
  type StartOptions,
  startProxy,
} from "../../../../mutants/mod.ts";
import type { RouterPartOptions } from "../profile.ts";
import type { RouterMutant } from "./mutants.ts";
import { startRelay } from "./relay.ts";
import { routerVariants, startRouterTarget } from "./target.ts";

/** Starts a mutant of the router profile. */
export async function startRouterGateway(
  mutant: Pick<RouterMutant, "id" | "edit" | "relay" | "maxBodyBytes" | "defects">,
  { envoyPath, runParents, signal }: StartOptions,
): Promise<RunningTarget> {
  const { id: name, edit, defects } = mutant;
  const config = structuredClone(bundledConfig("router").bootstrap);
  // The router decides on the thread of the suite: that it is busy must not look like a defect.
  settingsOf(config, "ext_proc").message_timeout = "20s";
  edit?.(config);
  const shared = {
    envoyPath,
    runParents,
    ...(signal && { signal }),
    config: await parseEnvoyConfig(JSON.stringify(config), `mutant ${name}`),
    ...partOf(mutant),
  };
  await using stack = new AsyncDisposableStack();
  const target = stack.use(
    await startRouterTarget({ ...shared, name, variants: routerVariants(shared) }),
  );
  const { hostname: host, port } = new URL(target.url);
  const proxy = defects && stack.use(
    await startProxy({ upstream: { host, port: Number(port) }, defects }),
  );
  const owned = stack.move();
  return {
    ...target,
    ...(proxy && { url: proxy.url, protocols: ["h1"] }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function partOf(
  { relay, maxBodyBytes }: Pick<RouterMutant, "relay" | "maxBodyBytes">,
): { router?: RouterPartOptions } {
  return {
    router: {
      ...(maxBodyBytes !== undefined && { maxBodyBytes }),
      ...(relay !== undefined && {
        relay: (router, hosts) =>
          startRelay(router.address, typeof relay === "function" ? relay(hosts) : relay),
      }),
    },
  };
}
