/** Flags of every command that starts a gateway, and the gateway that they describe. */
import {
  dataHome,
  findEnvoy,
  type FoundEnvoy,
  publicSources,
  systemRoots,
} from "../../envoy/mod.ts";
import {
  type EnvoyPlacement,
  type ForeignUpstream,
  type Gateway,
  GATEWAY_PORTS,
  type GatewayOptions,
  type Ports,
  type PortSpec,
  withAddOns,
} from "../../gateway/mod.ts";
import {
  ADD_ONS,
  addOnsOf,
  type AnyProfileKind,
  profileKind,
  PROFILES,
} from "../../gateway/profiles/mod.ts";
import {
  addressOption,
  choiceOption,
  directoryOption,
  fileOption,
  flagOption,
  type OptionRecord,
  portOption,
  textOption,
} from "../../options/mod.ts";
import {
  DEFAULT_PORTS,
  defined,
  loadModule,
  messageOf,
  readTextFile,
  UsageError,
} from "../../service/mod.ts";
import type { Context } from "../command.ts";
import { embeddedEnvoy } from "./embedded_envoy.ts";
import type { Host } from "../host.ts";
import { assertOneUpstream, listOf, ONE_UPSTREAM_OPTIONS, replicasOf } from "./upstreams.ts";
import { downloadProgress } from "../live/download.ts";

/** Which Envoy runs. */
export const ENVOY_OPTIONS = {
  envoyPath: fileOption("--envoy-path <FILE>", {
    description: "Envoy executable to use, instead of getting one",
    env: "ENVOY_PATH",
  }),
  envoyVersion: textOption("--envoy-version <VERSION>", { description: "Envoy version to use" }),
  offline: flagOption("--offline", { description: "never dial out to get Envoy" }),
};

/** Flags for foreign parts in place of ours, and for what ours read. */
export const PART_OPTIONS = {
  policy: addressOption("--policy <HOST:PORT>", {
    description: "ext_authz engine to use in place of the stub",
  }),
  policyTls: flagOption("--policy-tls", { description: "speak TLS to the engine, system roots" }),
  policyCa: fileOption("--policy-ca <FILE>", {
    description: "roots for the engine's certificate, PEM",
  }),
  policyCert: fileOption("--policy-cert <FILE>", {
    description: "our client certificate, PEM (mTLS)",
  }),
  policyKey: fileOption("--policy-key <FILE>", {
    description: "key of our client certificate, PEM",
  }),
  rules: fileOption("--rules <FILE>", {
    description: "rules of the policy stub, reloaded on change",
  }),
  ...ONE_UPSTREAM_OPTIONS,
  scenarios: directoryOption("--scenarios <DIR>", {
    description: "scenario files of the mock upstream, reloaded on change",
  }),
};

/** Where everything listens. */
export const PORT_OPTIONS = {
  host: textOption("--host <ADDRESS>", {
    description: "interface of the ingress",
    default: "127.0.0.1",
  }),
  port: portOption("--port <PORT>", {
    description: "ingress; 0 picks a free one",
    default: DEFAULT_PORTS.ingress,
  }),
  adminPort: portOption("--admin-port <PORT>", {
    description: "Envoy admin, loopback only",
    default: DEFAULT_PORTS.admin,
  }),
  policyPort: portOption("--policy-port <PORT>", {
    description: "policy stub, gRPC",
    default: DEFAULT_PORTS.policy,
  }),
  upstreamPort: portOption("--upstream-port <PORT>", {
    description: "mock upstream",
    default: DEFAULT_PORTS.upstream,
  }),
  controlPort: portOption("--control-port <PORT>", {
    description: "metrics, health, journals, mock control",
    default: DEFAULT_PORTS.control,
  }),
};

/** Returns `--profile` for a command that does this to a gateway: "run", "judge". */
export function profileOption(verb: string) {
  return choiceOption("--profile <NAME>", {
    description: `which gateway to ${verb}`,
    choices: PROFILES.map(({ name }) => name),
    default: PROFILES[0]?.name ?? "",
  });
}

/** The flags of all profiles, each under its heading. */
export const PROFILE_FLAGS: OptionRecord = Object.assign(
  {},
  ...PROFILES.map(({ flags }) => flags),
);

/** The flags of optional parts that go with every profile. */
export const ADD_ON_FLAGS: OptionRecord = Object.assign({}, ...ADD_ONS.map(({ flags }) => flags));

/** The flags that judging somebody else's gateway of a profile needs. */
export const JUDGE_FLAGS: OptionRecord = Object.assign(
  {},
  ...PROFILES.map(({ judgeFlags }) => judgeFlags ?? {}),
);

/** Flags of every command that starts a gateway. */
export const RUN_OPTIONS = {
  runDir: directoryOption("--run-dir <DIR>", {
    description:
      "keep configuration and logs of the run here; without it, those of the 5 newest failed runs are kept",
  }),
};

/** The values that `startFromOptions` reads, beside the flags of the profile. */
export interface StartOptions {
  /** In place of the ports of the flags. */
  readonly ports?: Ports;
  readonly profile?: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly adminPort?: number | undefined;
  readonly policyPort?: number | undefined;
  readonly upstreamPort?: number | undefined;
  readonly controlPort?: number | undefined;
  readonly policy?: string | undefined;
  readonly policyTls?: boolean | undefined;
  readonly policyCa?: string | undefined;
  readonly policyCert?: string | undefined;
  readonly policyKey?: string | undefined;
  readonly rules?: string | undefined;
  readonly upstream?: string | readonly string[] | undefined;
  readonly upstreamKeyEnv?: string | readonly string[] | undefined;
  readonly scenarios?: string | undefined;
  readonly runDir?: string | undefined;
  readonly envoyPath?: string | undefined;
  readonly envoyVersion?: string | undefined;
  readonly offline?: boolean | undefined;
}

type StartContext = Pick<Context<unknown, unknown>, "host" | "log" | "signal" | "forced">;

/**
 * Gets Envoy and starts the gateway that the flags describe. `extra` goes to the gateway as it is.
 *
 * @throws {UsageError} for flags that do not go together, or files that cannot be used
 * @throws {UnavailableError} when Envoy cannot be had, or a part does not start
 */
export async function startFromOptions(
  options: StartOptions,
  context: StartContext,
  extra: Partial<GatewayOptions> = {},
): Promise<Gateway> {
  const described = await gatewayFromOptions(options, context, extra);
  // Loaded here, so that commands that only share the flags start without it.
  const { startGateway } = await loadModule<typeof import("../../gateway/mod.ts")>(
    "gateway/mod.ts",
  );
  return await startGateway(described);
}

/** Gets Envoy and returns the gateway that the flags describe, without starting it. Throws as above. */
export async function gatewayFromOptions(
  options: StartOptions,
  context: StartContext,
  extra: Partial<GatewayOptions> = {},
): Promise<GatewayOptions> {
  const { host, log, signal, forced } = context;
  const keysAreThePolicys = profileKind(options.profile).takesUpstreams !== true;
  const providerKey = keysAreThePolicys ? providerKeyOf(options, host) : undefined;
  const placement = await placementOf(options, host);
  if (placement.policy !== undefined && providerKey !== undefined) {
    log("--upstream-key-env is not used: with --policy, the key is that engine's task");
  }
  const envoy = await envoyFromOptions(options, context);
  return {
    ...placement,
    ...defined({
      rulesFile: options.rules,
      scenarios: options.scenarios,
      runDir: options.runDir,
      providerKey,
    }),
    envoyPath: envoy.path,
    runParents: runParents(host),
    log,
    signal,
    forced,
    ...extra,
  };
}

/**
 * Returns where the flags put the parts, without starting any.
 *
 * @throws {UsageError} for flags that do not go together, or files that cannot be read
 */
export async function placementOf(options: StartOptions, host: Host): Promise<EnvoyPlacement> {
  const kind = profileKind(options.profile);
  assertOwnFlags(kind, options);
  const policy = await foreignPolicy(options, host);
  const foreign = (url: string) => foreignUpstream(url, host);
  const upstreams = await Promise.all(
    listOf(options.upstream).map((one) => Promise.all(replicasOf(one).map(foreign))),
  );
  assertOneUpstream(kind, { upstreams, keyNames: listOf(options.upstreamKeyEnv) });
  const surroundings = {
    env: (name: string) => host.env(name),
    upstream: upstreams[0]?.[0],
    upstreams,
    keyNames: listOf(options.upstreamKeyEnv),
    foreign,
  };
  const { profile, ports } = await kind.bind(options as object, surroundings);
  const addOns = await addOnsOf(options, surroundings);
  const specs = [...kind.ports, ...addOns.flatMap((addOn) => addOn.ports)];
  return {
    ...defined({ host: options.host, policy }),
    profile: withAddOns(profile, addOns),
    ports: options.ports ?? { ...portsOf(specs, options), ...ports },
  };
}

/** The ports of the flags, and of the contract where there is none. */
function portsOf(specs: readonly PortSpec[], options: StartOptions): Ports {
  const { port: ingress, adminPort: admin, policyPort: policy, controlPort: control } = options;
  const own = specs.map(({ name, default: usual }) => {
    const value = (options as Record<string, unknown>)[`${name}Port`];
    return [name, typeof value === "number" ? value : usual];
  });
  const common = GATEWAY_PORTS.map(({ name, default: usual }) => [name, usual]);
  return {
    ...Object.fromEntries(common),
    ...defined({ ingress, admin, policy, control }),
    ...Object.fromEntries(own),
  };
}

/**
 * Refuses flags of another profile.
 *
 * @throws {UsageError} naming the flag and the profile that it needs
 */
export function assertOwnFlags(kind: AnyProfileKind, options: object): void {
  const given = options as Record<string, unknown>;
  for (const other of PROFILES) {
    for (const [key, { flags, fallback }] of Object.entries(other.flags as OptionRecord)) {
      const value = given[key];
      if (key in kind.flags || value === undefined || value === fallback) continue;
      if (Array.isArray(value) && value.length === 0) continue;
      throw new UsageError(
        `Cannot use ${
          flags.split(" ")[0]
        } with the profile "${kind.name}": it needs --profile ${other.name}`,
      );
    }
  }
}

/** Finds or gets the Envoy that the flags ask for, with progress on standard error. */
export function envoyFromOptions(
  options: Pick<StartOptions, "envoyPath" | "envoyVersion" | "offline"> & { fetchOnly?: boolean },
  { host, log, signal }: Pick<StartContext, "host" | "log" | "signal">,
): Promise<FoundEnvoy> {
  const env = (name: string) => host.env(name);
  const embedded = embeddedEnvoy(host);
  return findEnvoy({
    ...defined({
      path: options.envoyPath,
      version: options.envoyVersion,
      offline: options.offline,
      fetchOnly: options.fetchOnly,
    }),
    env,
    sources: [...(embedded === undefined ? [] : [embedded]), ...publicSources(env)],
    onAsk: (source) => log(`Getting Envoy, once for this machine: asking ${source}`),
    onWait: () => log("Another run is getting Envoy: waiting for it"),
    onProgress: downloadProgress(host.stderr, log),
    signal,
  });
}

/** Where runs keep their files: with our data, or among the temporary files where that is not writable. */
export function runParents(host: Host): string[] {
  const temporary = (host.env("TMPDIR") ?? "/tmp").replace(/\/+$/, "");
  return [`${dataHome((name) => host.env(name))}/runs`, `${temporary}/llmgate-runs`];
}

function providerKeyOf(options: StartOptions, host: Host): string | undefined {
  const [name] = listOf(options.upstreamKeyEnv);
  if (name === undefined) return undefined;
  const key = host.env(name);
  if (key === undefined || key === "") {
    throw new UsageError(
      `Cannot use --upstream-key-env: the environment variable "${name}" is not set: it must hold the provider's key`,
    );
  }
  return key;
}

async function foreignPolicy(
  options: StartOptions,
  host: Host,
): Promise<GatewayOptions["policy"] | undefined> {
  const { policy, policyTls, policyCa, policyCert, policyKey } = options;
  const wantsTls = policyTls || policyCa !== undefined || policyCert !== undefined ||
    policyKey !== undefined;
  if (policy === undefined) {
    if (wantsTls) throw new UsageError("Cannot use --policy-tls and its files without --policy");
    return undefined;
  }
  if ((policyCert === undefined) !== (policyKey === undefined)) {
    throw new UsageError("Cannot use one of --policy-cert and --policy-key: mTLS needs both");
  }
  const colon = policy.lastIndexOf(":");
  const address = {
    host: policy.slice(0, colon).replace(/^\[|\]$/g, ""),
    port: Number(policy.slice(colon + 1)),
  };
  if (!wantsTls) return address;
  const caFile = policyCa ?? await systemRoots(host.env("SSL_CERT_FILE"));
  for (const file of [caFile, policyCert, policyKey]) if (file) await assertReadable(file);
  return { ...address, tls: { caFile, ...defined({ certFile: policyCert, keyFile: policyKey }) } };
}

async function foreignUpstream(url: string, host: Host): Promise<ForeignUpstream> {
  if (!url.startsWith("https:")) return { url };
  return { url, caFile: await systemRoots(host.env("SSL_CERT_FILE")) };
}

async function assertReadable(file: string): Promise<void> {
  try {
    await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}
