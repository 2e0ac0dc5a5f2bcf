import { basename } from "node:path";
import {
  type Case,
  CASES,
  type Credentials,
  ENGINE_CASES,
  type EnvoyEvidence,
  MODEL_SERVER_CASES,
  modelServerTarget,
  policyEngineTarget,
  probeEngine,
  probeTarget,
  RESPONSES_CASES,
  ROUTER_CASES,
  type Target,
} from "../../conformance/mod.ts";
import { adoptEnvoyConfig, readEnvoyConfig } from "../../envoy/mod.ts";
import { FREE_PORTS, type ProfileName, startGateway } from "../../gateway/mod.ts";
import { ROUTING_LOGICS, type RoutingLogic } from "../../router/mod.ts";
import { UnavailableError, UsageError } from "../../service/mod.ts";
import {
  checkVariants,
  FOREIGN_EXPECTATIONS,
  foreignTarget,
  ownTarget,
  promisesOf,
  routerVariants,
  ROUTES_ALL_EXEMPT,
  startResponsesTarget,
  startRouterTarget,
  TARGET_JOURNAL_LIMIT,
} from "../../targets/mod.ts";
import type { Context } from "../command.ts";
import { DEFAULT_PORTS, gatewayFromOptions, type StartOptions } from "../gateway_options.ts";
import {
  choiceOption,
  fileOption,
  integerOption,
  portOption,
  repeated,
  textOption,
  urlOption,
} from "../../options/mod.ts";

/** What `check` is pointed at. */
export const TARGET_OPTIONS = {
  gateway: urlOption("--gateway <URL>", {
    description: "judge this gateway instead of a stack of our own",
  }),
  envoyConfig: fileOption("--envoy-config <FILE>", {
    description: "judge this Envoy configuration, launched between our policy and our upstream",
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
  routingLogic: choiceOption("--routing-logic <NAME>", {
    description: "how a router given by --gateway chooses; its own cases then run",
    choices: ROUTING_LOGICS,
    default: "round_robin",
  }),
};

/** The values of the flags above, and of those that start a stack. */
export interface CheckTargetOptions extends StartOptions {
  readonly gateway: string | undefined;
  readonly envoyConfig: string | undefined;
  readonly control: "none" | "upstream" | "policy" | "both";
  readonly allowHeader: readonly string[];
  readonly denyHeader: readonly string[];
  readonly model: string;
  readonly maxRequests: number;
  readonly policyPort: number;
  readonly upstreamPort: number;
  readonly routingLogic: RoutingLogic;
}

/** A target, and the cases that it can be asked. */
export interface CheckTarget extends AsyncDisposable {
  readonly target: Target;
  readonly cases: readonly Case[];
}

/** What our own policy stub allows and refuses. */
const DEMO_CREDENTIALS: Credentials = {
  allow: [["x-api-key", "demo-key"]],
  deny: [["x-api-key", "wrong-key"]],
};

/** The cases of each gateway; a Responses gateway serves none of the paths of the base groups. */
const PROFILE_CASES: Readonly<Record<ProfileName, readonly Case[]>> = {
  base: CASES,
  router: [...CASES, ...ROUTER_CASES],
  responses: RESPONSES_CASES,
};

/** The cases that the flags make possible, without starting anything. */
export function casesOf(
  options: Pick<CheckTargetOptions, "policy" | "upstream" | "profile">,
): readonly Case[] {
  return [
    ...PROFILE_CASES[options.profile ?? "base"],
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
  await probeParts(options, context);
  if (options.gateway !== undefined) return await foreignGateway(options.gateway, options, context);
  if (options.envoyConfig !== undefined) {
    return await ownConfig(options.envoyConfig, options, context);
  }
  if (options.profile === "router") return await ownRouter(options, context);
  if (options.profile === "responses") return await ownResponses(options, context);
  return await ownStack(options, context);
}

/** Asks the parts that are not ours, before anything is fetched or started for them. */
async function probeParts(
  options: CheckTargetOptions,
  { log }: Pick<Context<unknown, unknown>, "log">,
): Promise<void> {
  if (options.policy === undefined || options.gateway !== undefined) return;
  const given = credentialsOf(options);
  await probeEngine(options.policy, given ?? DEMO_CREDENTIALS, { isDefault: given === undefined });
  log(`Probe: the policy engine ${options.policy} allows the credential`);
}

/** The Responses profile; its model is the mock upstream unless a model server is given. */
async function ownResponses(
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  if (options.policy !== undefined || options.upstream !== undefined) {
    throw new UsageError(
      "Cannot judge the Responses profile with --policy or --upstream: it runs on our parts; give --gateway for one that runs elsewhere",
    );
  }
  const gateway = await gatewayFromOptions({ ...options, ports: FREE_PORTS }, context);
  const target = await startResponsesTarget(gateway);
  return {
    target: Object.assign(target, {
      credentials: credentialsOf(options) ?? target.credentials,
      model: options.model,
    }),
    cases: casesOf(options),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}

/** The router profile, with a copy for each routing logic that has cases of its own. */
async function ownRouter(
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  const gateway = await gatewayFromOptions({ ...options, ports: FREE_PORTS }, context);
  const { envoyPath, runParents, signal } = gateway;
  const shared = { envoyPath, runParents, ...(signal && { signal }) };
  const target = await startRouterTarget({
    ...gateway,
    // A foreign engine would be the one that the copies are judged with, too.
    ...(options.policy === undefined &&
      { variants: { ...checkVariants(shared), ...routerVariants(shared) } }),
  });
  return {
    target: Object.assign(target, { credentials: credentialsOf(options) ?? target.credentials }),
    cases: casesOf(options),
    [Symbol.asyncDispose]: () => target[Symbol.asyncDispose](),
  };
}

async function ownStack(
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  const scriptSecret = crypto.randomUUID();
  const gatewayOptions = await gatewayFromOptions({ ...options, ports: FREE_PORTS }, context, {
    scriptSecret,
    graceMs: 0,
    journalLimit: TARGET_JOURNAL_LIMIT,
  });
  const gateway = await startGateway(gatewayOptions);
  const budget = { left: options.maxRequests };
  const own = ownTarget(gateway, { scriptSecret });
  const credentials = credentialsOf(options) ?? own.credentials;
  const { policy, upstream } = options;
  const key = options.upstreamKeyEnv && context.host.env(options.upstreamKeyEnv);
  const target: Target = {
    ...own,
    credentials,
    model: options.model,
    ...(upstream !== undefined && { budget }),
    variants: {
      // With foreign parts the opt-in groups would judge our own, which nobody asked for.
      ...(policy === undefined && upstream === undefined && checkVariants(gatewayOptions)),
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
  return {
    target,
    cases: casesOf(options),
    async [Symbol.asyncDispose]() {
      own[Symbol.dispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** Somebody's Envoy configuration between our parts, addresses set as the overlay's table allows. */
async function ownConfig(
  path: string,
  options: CheckTargetOptions,
  context: Context<unknown, unknown>,
): Promise<CheckTarget> {
  const { file, adjustments, ...names } = adoptEnvoyConfig(await readEnvoyConfig(path));
  for (const adjustment of adjustments) context.log(`Adjusted: ${adjustment}`);
  const scriptSecret = crypto.randomUUID();
  const gateway = await startGateway(
    await gatewayFromOptions({ ...options, ports: FREE_PORTS }, context, {
      scriptSecret,
      graceMs: 0,
      journalLimit: TARGET_JOURNAL_LIMIT,
      config: file,
      names,
    }),
  );
  const own = ownTarget(gateway, {
    scriptSecret,
    name: `Envoy configuration ${basename(file.name)}`,
  });
  const { policy, envoy, ...rest } = own;
  const { routesAll, ...promises } = promisesOf(await gateway.envoy.admin.configDump(), names);
  const asked = names.policyCluster !== undefined && policy !== undefined;
  const target: Target = {
    ...rest,
    ...(asked && { policy }),
    credentials: credentialsOf(options) ?? own.credentials,
    expect: { ...FOREIGN_EXPECTATIONS, ...promises },
    ...(routesAll && { exempt: ROUTES_ALL_EXEMPT }),
  };
  const { protocols, control, notes, requestIds } = await probeTarget(target);
  for (const note of notes) context.log(`Probe: ${note}`);
  const logged = await isLogged(envoy?.accessLog, requestIds);
  return {
    target: {
      ...target,
      protocols,
      control,
      // A log of another format is no witness; the statistics still are.
      ...(envoy && { envoy: logged ? envoy : silent(envoy) }),
      facts: { ...own.facts, adjustments: adjustments.join("; ") },
    },
    cases: CASES,
    async [Symbol.asyncDispose]() {
      own[Symbol.dispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
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

/** Envoy's evidence without its access log. */
function silent({ accessLog: _, ...rest }: EnvoyEvidence): EnvoyEvidence {
  return rest;
}

async function foreignGateway(
  url: string,
  options: CheckTargetOptions,
  { log }: Pick<Context<unknown, unknown>, "log">,
): Promise<CheckTarget> {
  const credentials = credentialsOf(options);
  if (!credentials) {
    throw new UsageError(
      "Cannot judge a gateway without a credential that it allows: give --allow-header 'name: value'",
    );
  }
  if (options.profile === "responses" && options.control !== "none") {
    throw new UsageError(
      `Cannot judge a Responses gateway with --control ${options.control}: only what a client sees of it can be judged; leave the flag out`,
    );
  }
  const target = await foreignTarget({
    url,
    control: options.control,
    ...(options.profile === "responses" && { features: ["responses", "responses_stream"] }),
    credentials,
    model: options.model,
    policyPort: options.policyPort,
    upstreamPort: options.upstreamPort,
    ...(options.profile === "router" && { router: { logic: options.routingLogic } }),
    ...(options.rules === undefined ? {} : { rulesFile: options.rules }),
    onReady({ policy, upstream }) {
      if (policy) log(`The gateway must ask our policy engine at ${policy} (ext_authz, gRPC)`);
      if (upstream) log(`The gateway must send requests to our upstream at ${upstream}`);
    },
  });
  for (const note of target.notes) log(`Probe: ${note}`);
  const cases = PROFILE_CASES[options.profile ?? "base"];
  return { target, cases, [Symbol.asyncDispose]: () => target[Symbol.asyncDispose]() };
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

function headerOf(text: string, flag: string): [string, string] {
  const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) *: *(\S.*)$/.exec(text);
  // The value is a secret: it is not repeated in the message.
  if (!match) throw new UsageError(`Cannot use ${flag}: it must be 'name: value'`);
  return [match[1] ?? "", match[2] ?? ""];
}
