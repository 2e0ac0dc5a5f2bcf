/** The target of `check`, as its flags describe it. */
import { basename } from "node:path";
import {
  type Case,
  CASES,
  type Credentials,
  DIALECT_CASES,
  type DialectPair,
  ENGINE_CASES,
  type EnvoyEvidence,
  MODEL_SERVER_CASES,
  modelServerTarget,
  policyEngineTarget,
  probeEngine,
  probeModelServer,
  probeTarget,
  type Target,
} from "../../conformance/mod.ts";
import { DIALECTS } from "../../dialects/mod.ts";
import { adoptEnvoyConfig, readEnvoyConfig } from "../../envoy/mod.ts";
import { FREE_PORTS } from "../../gateway/mod.ts";
import { type DeclaredParts, type Judge, profileKind } from "../../gateway/profiles/mod.ts";
import {
  choiceOption,
  fileOption,
  flagOption,
  integerOption,
  type Option,
  portOption,
  repeated,
  textOption,
  urlOption,
} from "../../options/mod.ts";
import { DEFAULT_PORTS, UnavailableError, UsageError } from "../../service/mod.ts";
import {
  dialectTarget,
  FOREIGN_EXPECTATIONS,
  foreignTarget,
  promisesOf,
  ROUTES_ALL_EXEMPT,
  startOwnTarget,
  withDeclared,
} from "../../targets/mod.ts";
import type { Context } from "../command.ts";
import { DECLARED_OPTIONS, declaredOf, type DeclaredOptions, featuresOf } from "./declared.ts";
import { headerOf } from "./header.ts";
import { startStandIns } from "./stand_in.ts";
import { gatewayFromOptions, JUDGE_FLAGS, type StartOptions } from "../flags/gateway.ts";

/** `client=openai,upstream=anthropic`, in either order. */
const dialectOption: Option<DialectPair | undefined> = {
  ...textOption("--dialect <PAIR>", {
    description:
      'with --gateway: judge what it translates, e.g. "client=openai,upstream=anthropic"; its upstream is ours',
  }),
  parse(value, name) {
    const parts = new Map(
      value.split(",").map((part) => {
        const [side = "", dialect = ""] = part.split("=", 2);
        return [side.trim(), DIALECTS.find((known) => known === dialect.trim())] as const;
      }),
    );
    const [client, upstream] = [parts.get("client"), parts.get("upstream")];
    if (client !== undefined && upstream !== undefined && parts.size === 2) {
      return { client, upstream };
    }
    throw new UsageError(
      `Cannot use ${name}: it must be "client=DIALECT,upstream=DIALECT", each one of ${
        DIALECTS.join(", ")
      }: current value is "${value}"`,
    );
  },
  fallback: undefined,
};

/** Flags that choose the target. */
export const TARGET_OPTIONS = {
  gateway: urlOption("--gateway <URL>", {
    description: "judge this gateway instead of a stack of our own",
  }),
  envoyConfig: fileOption("--envoy-config <FILE>", {
    description: "judge this Envoy configuration, launched between our policy and our upstream",
  }),
  listener: textOption("--listener <NAME>", {
    description: "with --envoy-config: judge this listener, and not the first that forwards",
  }),
  control: choiceOption("--control <PARTS>", {
    description: "what of ours the gateway uses: the addresses are printed",
    choices: ["none", "upstream", "policy", "both"],
    default: "none",
  }),
  allowHeader: repeated(textOption("--allow-header <HEADER>", {
    description: "'name: value' of a credential that is allowed",
  })),
  denyHeader: repeated(textOption("--deny-header <HEADER>", {
    description: "'name: value' of a credential that is refused",
  })),
  dialect: dialectOption,
  model: textOption("--model <NAME>", {
    description: "model to ask for",
    default: "gpt-4o-mini",
  }),
  maxRequests: integerOption("--max-requests <N>", {
    description: "requests that a model server given by --upstream may cost",
    min: 1,
    default: 60,
  }),
  policyPort: portOption("--policy-port <PORT>", {
    description: "our policy engine, for --gateway",
    default: DEFAULT_PORTS.policy,
  }),
  upstreamPort: portOption("--upstream-port <PORT>", {
    description: "our upstream, for --gateway; with --profile router, the first of three in a row",
    default: DEFAULT_PORTS.upstream,
  }),
  ...JUDGE_FLAGS,
  standIn: flagOption("--stand-in", {
    description: "with --envoy-config: run the processors and rate-limit services that it asks",
  }),
  ...DECLARED_OPTIONS,
};

/** The values of the flags above, and of those that start a stack. */
export interface CheckTargetOptions extends StartOptions, DeclaredOptions {
  /** One, which is judged alone, too. */
  readonly upstream?: string | undefined;
  readonly upstreamKeyEnv?: string | undefined;
  readonly gateway: string | undefined;
  readonly envoyConfig: string | undefined;
  readonly listener: string | undefined;
  readonly standIn: boolean;
  readonly control: "none" | "upstream" | "policy" | "both";
  readonly dialect: DialectPair | undefined;
  readonly allowHeader: readonly string[];
  readonly denyHeader: readonly string[];
  readonly model: string;
  readonly maxRequests: number;
  readonly policyPort: number;
  readonly upstreamPort: number;
}

/** A target, and the cases that it can be asked. */
export interface CheckTarget extends AsyncDisposable {
  readonly target: Target;
  readonly cases: readonly Case[];
}

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

/** Somebody's Envoy configuration between our parts, addresses set as the overlay's table allows. */
async function ownConfig(
  path: string,
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  const judge = await profileKind(options.profile).judge();
  const declared = await declaredOf(options, judge.cases);
  const { listener } = options;
  const adopted = adoptEnvoyConfig(
    await readEnvoyConfig(path),
    listener === undefined ? {} : { listener },
  );
  const { file, adjustments, parts: _parts, ...names } = adopted;
  for (const adjustment of adjustments) context.log(`Adjusted: ${adjustment}`);
  await using stack = new AsyncDisposableStack();
  const parts = await startDeclaredParts(judge, options, stack);
  const standIns = stack.use(
    await startStandIns(adopted, {
      wanted: options.standIn,
      given: parts?.ports ?? {},
      log: context.log,
    }),
  );
  // A profile whose parts are declared has those alone: the file may do without the others.
  const { profile, ...others } = options;
  const described = await gatewayFromOptions({
    ...others,
    ...(judge.declare === undefined && { profile }),
    ports: FREE_PORTS,
  }, context);
  const own = stack.use(
    await startOwnTarget({
      ...described,
      config: file,
      names,
      isCold: true,
      name: `Envoy configuration ${basename(file.name)}`,
    }),
  );
  const { gateway } = own;
  const { policy, envoy, gateway: _, ...rest } = own;
  const promises = promisesOf(await gateway.envoy.admin.configDump(), names);
  if (policy !== undefined) standIns.httpEngine?.join(policy.address);
  const isAsked = policy !== undefined &&
    (names.policyCluster !== undefined || standIns.httpEngine !== undefined);
  const expect = { ...FOREIGN_EXPECTATIONS, ...promises };
  const target: Target = withDeclared({
    ...rest,
    ...(isAsked && { policy }),
    credentials: credentialsOf(options) ?? own.credentials,
    expect,
    unmeasured: standIns.unmeasured,
  }, { ...declared, ...(parts && { particulars: parts.describe(expect) }) });
  const { protocols, control, notes, requestIds, marksPath, routesAll, status } = await probeTarget(
    target,
    {
      onWait: (what) => context.log(`Probe: ${what}`),
      signal: context.signal,
    },
  );
  if (status === 404) context.log(NOT_FOUND);
  for (const note of notes) context.log(`Probe: ${note}`);
  const logged = await isLogged(envoy?.accessLog, requestIds);
  const owned = stack.move();
  return {
    target: {
      ...target,
      protocols,
      control,
      ...(marksPath && { marksPath }),
      exempt: { ...standIns.exempt, ...(routesAll && ROUTES_ALL_EXEMPT) },
      // A log of another format is no witness; the statistics still are.
      ...(envoy && { envoy: logged ? envoy : silent(envoy) }),
      facts: { ...own.facts, adjustments: adjustments.join("; ") },
    },
    cases: judge.cases,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Starts the parts of ours that the declared features ask for; the stack owns them. */
async function startDeclaredParts(
  judge: Judge,
  options: CheckTargetOptions,
  stack: AsyncDisposableStack,
): Promise<DeclaredParts | undefined> {
  const features = new Map(featuresOf(options).map(({ name, settings }) => [name, settings]));
  if (judge.declare === undefined || features.size === 0) return undefined;
  return stack.use(await judge.declare(features));
}

/** How long a line may take to be written: Envoy flushes its files every 10 s unless told otherwise, our launch every 50 ms. */
const LINE_MS = 2_000;

/** Whether the access log has lines that can be joined: they name the ids of requests. */
async function isLogged(log: EnvoyEvidence["accessLog"], ids: readonly string[]): Promise<boolean> {
  if (log === undefined || ids.length === 0) return false;
  try {
    await log.waitFor(({ requestId }) => ids.includes(requestId), { deadlineMs: LINE_MS });
    return true;
  } catch (error) {
    if (error instanceof UnavailableError) return false;
    throw error;
  }
}

/** Features that may be missing when nothing is routed. */
const NOT_FOUND =
  "Probe: the gateway answers 404: its routes may want another host (--host-name) or path (--base-path)";

/** Envoy's evidence without its access log. */
function silent({ accessLog: _, ...rest }: EnvoyEvidence): EnvoyEvidence {
  return rest;
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

function credentialsOf(
  options: Pick<CheckTargetOptions, "allowHeader" | "denyHeader">,
): Credentials | undefined {
  if (options.allowHeader.length === 0) return undefined;
  const deny = options.denyHeader.map((text) => headerOf(text, "--deny-header"));
  return {
    allow: options.allowHeader.map((text) => headerOf(text, "--allow-header")),
    ...(deny.length > 0 && { deny }),
  };
}
