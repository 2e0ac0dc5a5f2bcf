import type { Target } from "../conformance/mod.ts";
import { bundledConfig, parseEnvoyConfig } from "../envoy/mod.ts";
import { FREE_PORTS, type RoutingOptions, startGateway } from "../gateway/mod.ts";
import { type Policy, startPolicy } from "../policy/mod.ts";
import { signNonce } from "../service/mod.ts";
import {
  BASE_EXPECTATIONS,
  checkVariants,
  ownTarget,
  routerVariants,
  startCheckVariant,
  startResponsesTarget,
  startRouterTarget,
  TARGET_JOURNAL_LIMIT,
} from "../targets/mod.ts";
import { startUpstream, type Upstream } from "../upstream/mod.ts";
import { settingsOf } from "./config_places.ts";
import type { Mutant } from "./mutant.ts";
import type { Defects } from "./proxy/defects.ts";
import { startH2Front } from "./proxy/h2_front.ts";
import { POLICY_TIMEOUT_MS } from "./proxy/policy_step.ts";
import { startProxy } from "./proxy/proxy.ts";
import { startFront } from "./responses/front.ts";
import { startRelay } from "./router/relay.ts";

/** A target that stops what it runs on. */
export type RunningTarget = Target & AsyncDisposable;

/** What a gateway under test runs on. */
export interface StartOptions {
  /** Path of the Envoy executable. */
  envoyPath: string;
  runParents: readonly string[];
  signal?: AbortSignal;
}

/** Starts a mutant, with a policy engine and an upstream of its own. */
export function startMutant(mutant: Mutant, options: StartOptions): Promise<RunningTarget> {
  const { id, on, edit, defects, profile } = mutant;
  if (profile === "router") return startRouterGateway(mutant, options);
  if (profile === "responses") return startResponsesGateway(mutant, options);
  if (defects) return startSmallGateway(id, defects);
  if (on === undefined) return startEnvoyGateway(mutant, options);
  return startCheckVariant(on, { ...placeOf(options), ...(edit && { edit }) });
}

/** Where it runs, without whatever else a caller was told. */
function placeOf({ envoyPath, runParents, signal }: StartOptions): StartOptions {
  return { envoyPath, runParents, ...(signal && { signal }) };
}

/** Starts the bundled stack with a mutant's edits; without edits it is the correct gateway. */
export async function startEnvoyGateway(
  mutant: Pick<Mutant, "id" | "edit">,
  options: StartOptions,
): Promise<RunningTarget> {
  const scriptSecret = crypto.randomUUID();
  const base = bundledConfig("base");
  const config = structuredClone(base.bootstrap);
  mutant.edit?.(config);
  const gateway = await startGateway({
    ports: FREE_PORTS,
    envoyPath: options.envoyPath,
    runParents: options.runParents,
    scriptSecret,
    journalLimit: TARGET_JOURNAL_LIMIT,
    graceMs: 0,
    config: await parseEnvoyConfig(JSON.stringify(config), `mutant ${mutant.id}`),
    ...(options.signal && { signal: options.signal }),
  });
  // The check-only configurations are as they come: a mutant of one is started on it.
  const variants = mutant.edit ? {} : { variants: checkVariants(placeOf(options)) };
  const target = ownTarget(gateway, { scriptSecret, name: mutant.id, ...variants });
  return Object.assign(target, {
    [Symbol.asyncDispose]: async () => {
      target[Symbol.dispose]();
      await gateway[Symbol.asyncDispose]();
    },
  });
}

/** Starts the router profile with a mutant's defect, in its copies too; without one it is correct. */
export async function startRouterGateway(
  mutant: Pick<Mutant, "id" | "edit" | "relay" | "defects">,
  options: StartOptions,
): Promise<RunningTarget> {
  const { id: name, edit, defects } = mutant;
  const config = structuredClone(bundledConfig("router").bootstrap);
  // The router decides on the thread of the suite: that it is busy must not look like a defect.
  settingsOf(config, "ext_proc").message_timeout = "20s";
  edit?.(config);
  const shared = {
    ...options,
    config: await parseEnvoyConfig(JSON.stringify(config), `mutant ${name}`),
    ...relayOf(mutant),
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

/** Starts the Responses profile with a mutant's defect; without one it is correct. */
export async function startResponsesGateway(
  { id: name, edit, front }: Pick<Mutant, "id" | "edit" | "front">,
  options: StartOptions,
): Promise<RunningTarget> {
  const config = structuredClone(bundledConfig("responses").bootstrap);
  edit?.(config);
  await using stack = new AsyncDisposableStack();
  const target = stack.use(
    await startResponsesTarget({
      ...options,
      name,
      ...(edit && { config: await parseEnvoyConfig(JSON.stringify(config), `mutant ${name}`) }),
    }),
  );
  if (front === undefined) {
    stack.move();
    return target;
  }
  const { url } = stack.use(startFront(target.url, front));
  // Envoy does not see what the front changes: it is no witness.
  const { envoy: _envoy, ...heard } = target;
  const owned = stack.move();
  return {
    ...heard,
    url,
    protocols: ["h1"],
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function relayOf({ relay }: Pick<Mutant, "relay">): { routing?: RoutingOptions } {
  if (relay === undefined) return {};
  return {
    routing: {
      relay: (router, hosts) =>
        startRelay(router.address, typeof relay === "function" ? relay(hosts) : relay),
    },
  };
}

/**
 * Starts the small proxy that is not Envoy; without defects it is a correct gateway. It speaks
 * HTTP/1.1, and HTTP/2 too with `h2`.
 */
export async function startSmallGateway(
  name: string,
  defects: Defects = {},
  { h2 = defects.downgradesBlindly ?? defects.resetEndsConnection ?? false, redialMs = 0 }: {
    h2?: boolean;
    redialMs?: number;
  } = {},
): Promise<RunningTarget> {
  const secret = crypto.randomUUID();
  await using stack = new AsyncDisposableStack();
  const policy: Policy = stack.use(
    await startPolicy({ scriptSecret: secret, journalLimit: TARGET_JOURNAL_LIMIT }),
  );
  const upstream: Upstream = stack.use(
    await startUpstream({ port: 0, journalLimit: TARGET_JOURNAL_LIMIT }),
  );
  const { host, port } = upstream;
  const proxy = stack.use(
    await startProxy({ policy: policy.address, upstream: { host, port }, defects, redialMs }),
  );
  const blind = defects.downgradesBlindly ?? false;
  const fragile = defects.resetEndsConnection ?? false;
  const proxyPort = Number(new URL(proxy.url).port);
  const front = h2 ? stack.use(await startH2Front({ proxyPort, blind, fragile })) : undefined;
  const owned = stack.move();
  return {
    name,
    url: front?.url ?? proxy.url,
    control: "both",
    protocols: front ? ["h1", "h2c"] : ["h1"],
    features: [],
    credentials: { allow: [["x-api-key", "demo-key"]], deny: [["x-api-key", "wrong-key"]] },
    model: "gpt-4o-mini",
    expect: {
      ...BASE_EXPECTATIONS,
      requestHeadersTimeoutMs: 0,
      policyTimeoutMs: POLICY_TIMEOUT_MS,
    },
    policy,
    upstream,
    sign: (nonce) => signNonce(nonce, secret),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
