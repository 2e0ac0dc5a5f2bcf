/** Starts mutants of the base profile, and the correct gateways beside them. */
import { bundledConfig, type EnvoyConfigFile, parseEnvoyConfig } from "../envoy/mod.ts";
import { type Policy, startPolicy } from "../policy/mod.ts";
import { signNonce } from "../service/mod.ts";
import {
  BASE_EXPECTATIONS,
  checkVariants,
  startCheckVariant,
  startOwnTarget,
  TARGET_JOURNAL_LIMIT,
} from "../targets/mod.ts";
import { startUpstream, type Upstream } from "../upstream/mod.ts";
import type { Mutant } from "./mutant.ts";
import type { RunningTarget, StartOptions } from "./proof.ts";
import type { Defects } from "./proxy/defects.ts";
import { startH2Front } from "./proxy/h2_front.ts";
import { POLICY_TIMEOUT_MS } from "./proxy/policy_step.ts";
import { startProxy } from "./proxy/proxy.ts";

/** Starts a mutant of the base profile, with a policy engine and an upstream of its own. */
export function startMutant(mutant: Mutant, options: StartOptions): Promise<RunningTarget> {
  const { id, on, edit, defects } = mutant;
  if (defects) return startSmallGateway(id, defects);
  if (on === undefined) return startEnvoyGateway(mutant, options);
  return startCheckVariant(on, { ...placeOf(options), ...(edit && { edit }) });
}

/** Where it runs, without whatever else a caller was told. */
export function placeOf({ envoyPath, runParents, signal }: StartOptions): StartOptions {
  return { envoyPath, runParents, ...(signal && { signal }) };
}

/** Returns a bundled configuration with a mutant's edit. */
export async function mutatedConfig(
  { id, edit }: Pick<Mutant, "id" | "edit">,
  config: string,
): Promise<EnvoyConfigFile> {
  const bootstrap = structuredClone(bundledConfig(config).bootstrap);
  edit?.(bootstrap);
  return await parseEnvoyConfig(JSON.stringify(bootstrap), `mutant ${id}`);
}

/** Starts the bundled stack with a mutant's edits; without edits it is the correct gateway. */
export async function startEnvoyGateway(
  mutant: Pick<Mutant, "id" | "edit">,
  options: StartOptions,
): Promise<RunningTarget> {
  return await startOwnTarget({
    ...placeOf(options),
    name: mutant.id,
    config: await mutatedConfig(mutant, "base"),
    // The check-only configurations are as they come: a mutant of one is started on it.
    ...(mutant.edit ? {} : { variants: checkVariants(placeOf(options)) }),
  });
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
