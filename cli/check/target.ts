/** The target of `check`, as its flags describe it. */
import {
  type Case,
  CASES,
  type Credentials,
  DIALECT_CASES,
  type DialectPair,
  ENGINE_CASES,
  MODEL_SERVER_CASES,
  modelServerTarget,
  policyEngineTarget,
  probeEngine,
  probeModelServer,
  type Target,
} from "../../conformance/mod.ts";
import { FREE_PORTS } from "../../gateway/mod.ts";
import { type Judge, profileKind } from "../../gateway/profiles/mod.ts";
import { UsageError } from "../../service/mod.ts";
import { dialectTarget, FOREIGN_EXPECTATIONS, foreignTarget } from "../../targets/mod.ts";
import type { Context } from "../command.ts";
import { gatewayFromOptions } from "../flags/gateway.ts";
import { declaredOf, startDeclaredParts } from "./declared.ts";
import { ownConfig } from "./own_config.ts";
import {
  type CheckTarget,
  type CheckTargetOptions,
  credentialsOf,
  NOT_FOUND,
} from "./target_options.ts";

/** Credentials that our own policy stub allows and refuses. */
const DEMO_CREDENTIALS: Credentials = {
  allow: [["x-api-key", "demo-key"]],
  deny: [["x-api-key", "wrong-key"]],
};

/** The cases that the flags make possible, without starting anything. */
export async function casesOf(
  options: Pick<CheckTargetOptions, "policy" | "upstream" | "profile" | "dialect">,
): Promise<readonly Case[]> {
  if (options.dialect !== undefined) return DIALECT_CASES;
  const { cases } = await profileKind(options.profile).judge();
  return [
    ...cases,
    ...(options.policy === undefined ? [] : ENGINE_CASES),
    ...(options.upstream === undefined ? [] : MODEL_SERVER_CASES),
  ];
}

/**
 * Starts what the flags describe: a stack of our own, with foreign parts judged alone beside it, or
 * only our parts for somebody else's gateway.
 *
 * @throws {UsageError} for flags that do not go together
 * @throws {UnavailableError} when something cannot be reached or started
 */
export async function startCheckTarget(
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  if (options.dialect !== undefined) {
    return await translatingGateway(options.dialect, options, context);
  }
  await probeParts(options, context);
  if (options.envoyConfig !== undefined && options.gateway === undefined) {
    return await ownConfig(options.envoyConfig, options, context);
  }
  const judge = await profileKind(options.profile).judge();
  if (options.gateway !== undefined) {
    return await foreignGateway(options.gateway, judge, options, context);
  }
  return await ownStack(judge, options, context);
}

/** Asks the parts that are not ours, before anything is fetched or started for them. */
async function probeParts(
  options: CheckTargetOptions,
  { log }: Pick<Context<unknown, unknown>, "log">,
): Promise<void> {
  if (options.gateway !== undefined) return;
  if (options.upstream !== undefined) await probeModelServer(options.upstream);
  if (options.policy === undefined) return;
  const given = credentialsOf(options);
  await probeEngine(options.policy, given ?? DEMO_CREDENTIALS, { isDefault: given === undefined });
  log(`Probe: the policy engine ${options.policy} allows the credential`);
}

/** A stack of our own, with foreign parts in it where the flags name them. */
async function ownStack(
  judge: Judge,
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  const gateway = await gatewayFromOptions({ ...options, ports: FREE_PORTS }, context);
  const own = await judge.start(gateway, options);
  return {
    target: withForeignParts(own, options, context),
    cases: await casesOf(options),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}

/** The target with what the flags say of it, and with foreign parts judged alone, too. */
function withForeignParts(
  own: Target,
  options: CheckTargetOptions,
  { host }: Pick<Context<unknown, unknown>, "host">,
): Target {
  const { policy, upstream } = options;
  const budget = { left: options.maxRequests };
  const credentials = credentialsOf(options) ?? own.credentials;
  const key = options.upstreamKeyEnv && host.env(options.upstreamKeyEnv);
  return {
    ...own,
    credentials,
    model: options.model,
    ...(upstream !== undefined && { budget }),
    variants: {
      ...own.variants,
      ...(policy !== undefined && {
        policy_engine: () => Promise.resolve(policyEngineTarget(policy, credentials)),
      }),
      ...(upstream !== undefined && {
        model_server: () =>
          Promise.resolve(modelServerTarget(upstream, {
            credentials: key ? { allow: [["authorization", `Bearer ${key}`]] } : credentials,
            model: options.model,
            budget,
          })),
      }),
    },
  };
}

async function foreignGateway(
  url: string,
  judge: Judge,
  options: CheckTargetOptions,
  { log }: Pick<Context<unknown, unknown>, "log">,
): Promise<CheckTarget> {
  const declared = await declaredOf(options, judge.cases);
  const credentials = credentialsOf(options);
  if (!credentials) {
    throw new UsageError(
      "Cannot judge a gateway without a credential that it allows: give --allow-header 'name: value'",
    );
  }
  const shape = judge.foreign(options as unknown as Record<string, unknown>);
  if (shape.clientOnly && options.control !== "none") {
    throw new UsageError(
      `Cannot judge a gateway of this profile with --control ${options.control}: only what a client sees of it can be judged; leave the flag out`,
    );
  }
  await using stack = new AsyncDisposableStack();
  const parts = await startDeclaredParts(judge, options, stack);
  for (const note of parts?.notes ?? []) log(`The gateway must ${note}`);
  const target = stack.use(
    await foreignTarget({
      url,
      declared: {
        ...declared,
        ...(parts && { particulars: parts.describe(FOREIGN_EXPECTATIONS) }),
      },
      onWait: (what) => log(`Probe: ${what}`),
      control: options.control,
      shape,
      credentials,
      model: options.model,
      policyPort: options.policyPort,
      upstreamPort: options.upstreamPort,
      ...(options.rules === undefined ? {} : { rulesFile: options.rules }),
      onReady({ policy, upstream }) {
        if (policy) log(`The gateway must ask our policy engine at ${policy} (ext_authz, gRPC)`);
        if (upstream) log(`The gateway must send requests to our upstream at ${upstream}`);
      },
    }),
  );
  for (const note of target.notes) log(`Probe: ${note}`);
  if (target.firstStatus === 404) log(NOT_FOUND);
  const owned = stack.move();
  return { target, cases: judge.cases, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Somebody's gateway that translates between wire formats, in front of our upstream. */
async function translatingGateway(
  pair: DialectPair,
  options: CheckTargetOptions,
  { log }: Pick<Context<unknown, unknown>, "log">,
): Promise<CheckTarget> {
  if (options.gateway === undefined || options.control === "policy" || options.control === "both") {
    throw new UsageError(
      "Cannot use --dialect without --gateway, or with a policy engine of ours: only the gateway and our upstream take part",
    );
  }
  const target = await dialectTarget({
    url: options.gateway,
    pair,
    credentials: credentialsOf(options) ?? { allow: [] },
    model: options.model,
    upstreamPort: options.upstreamPort,
    declared: await declaredOf(options, [...CASES, ...DIALECT_CASES]),
    log,
    onReady: (upstream) => log(`The gateway must send requests to our upstream at ${upstream}`),
  });
  return {
    target,
    cases: DIALECT_CASES,
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}
