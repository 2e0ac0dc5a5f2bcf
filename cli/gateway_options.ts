import { dataHome, findEnvoy, type FoundEnvoy, publicSources, systemRoots } from "../envoy/mod.ts";
import type {
  EnvoyPlacement,
  Gateway,
  GatewayOptions,
  GatewayPorts,
  ProfileName,
} from "../gateway/mod.ts";
import type { RoutingLogic, ServiceDiscovery } from "../router/mod.ts";
import { defined, loadModule, messageOf, UsageError } from "../service/mod.ts";
import type { Context } from "./command.ts";
import { DEFAULT_PORTS } from "./default_ports.ts";
import type { Host } from "./host.ts";
import { answeringOf } from "./responses_options.ts";
import { backendRoots, routingOf, staticHostsOf } from "./router_options.ts";
import { downloadProgress } from "./live/download.ts";
import { embeddedEnvoy } from "./embedded_envoy.ts";
import {
  addressOption,
  choiceOption,
  directoryOption,
  fileOption,
  flagOption,
  portOption,
  textOption,
  urlOption,
} from "../options/mod.ts";

export { DEFAULT_PORTS };

/** Which Envoy runs. */
export const ENVOY_OPTIONS = {
  envoyPath: fileOption("--envoy-path <FILE>", {
    description: "Envoy executable to use, instead of getting one",
    env: "ENVOY_PATH",
  }),
  envoyVersion: textOption("--envoy-version <VERSION>", { description: "Envoy version to use" }),
  offline: flagOption("--offline", { description: "never dial out to get Envoy" }),
};

/** What stands in for our own parts. */
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
  upstream: urlOption("--upstream <URL>", {
    description: "OpenAI-compatible server to use in place of the mock",
  }),
  upstreamKeyEnv: textOption("--upstream-key-env <NAME>", {
    description: "environment variable with the provider's key; the policy stub sets it",
  }),
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

/** The gateways that dev can run; the others take the base profile alone. */
export const PROFILE_OPTION = choiceOption("--profile <NAME>", {
  description: "which gateway to run",
  choices: ["base", "router", "responses"],
  default: "base",
});

/** The gateways that check has cases for. */
export const JUDGED_PROFILE_OPTION = choiceOption("--profile <NAME>", {
  description: "which gateway to judge",
  choices: ["base", "router", "responses"],
  default: "base",
});

/** What every command that starts a gateway takes. */
export const RUN_OPTIONS = {
  profile: choiceOption("--profile <NAME>", {
    description: "which gateway to run",
    choices: ["base"],
    default: "base",
  }),
  runDir: directoryOption("--run-dir <DIR>", {
    description:
      "keep configuration and logs of the run here; without it, those of the 5 newest failed runs are kept",
  }),
};

/** The values that `startFromOptions` reads; every command with the flags above has them. */
export interface StartOptions {
  readonly ports?: GatewayPorts;
  readonly profile?: ProfileName;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly adminPort?: number | undefined;
  readonly policyPort?: number | undefined;
  readonly upstreamPort?: number | undefined;
  readonly controlPort?: number | undefined;
  readonly routerPort?: number | undefined;
  readonly config?: string | undefined;
  readonly modelEndpoint?: string | undefined;
  readonly routeConfig?: string | undefined;
  readonly staticHosts?: string | undefined;
  readonly staticModels?: string | undefined;
  readonly serviceDiscovery?: ServiceDiscovery | undefined;
  readonly k8sLabelSelector?: string | undefined;
  readonly k8sNamespace?: string | undefined;
  readonly k8sPort?: string | undefined;
  readonly k8sApi?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly routingLogic?: RoutingLogic | undefined;
  readonly sessionHeader?: string | undefined;
  readonly modelHeader?: string | undefined;
  readonly probeInterval?: number | undefined;
  readonly probePath?: string | undefined;
  readonly engineStatsInterval?: number | undefined;
  readonly policy?: string | undefined;
  readonly policyTls?: boolean | undefined;
  readonly policyCa?: string | undefined;
  readonly policyCert?: string | undefined;
  readonly policyKey?: string | undefined;
  readonly rules?: string | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamKeyEnv?: string | undefined;
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
  const { startGateway } = await loadModule<typeof import("../gateway/mod.ts")>("gateway/mod.ts");
  return await startGateway(described);
}

/** Gets Envoy and returns the gateway that the flags describe, without starting it. Throws as above. */
export async function gatewayFromOptions(
  options: StartOptions,
  context: StartContext,
  extra: Partial<GatewayOptions> = {},
): Promise<GatewayOptions> {
  const { host, log, signal, forced } = context;
  const providerKey = providerKeyOf(options, host);
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
    ...await routingOf(options, { caFile: placement.backendCaFile, host }),
    ...await answeringOf(options, { ports: placement.ports, host }),
    envoyPath: envoy.path,
    runParents: runParents(host),
    log,
    signal,
    forced,
    ...extra,
  };
}

/**
 * Where the flags put the parts, without starting any.
 *
 * @throws {UsageError} for flags that do not go together, or files that cannot be read
 */
export async function placementOf(
  options: StartOptions,
  host: Host,
): Promise<EnvoyPlacement & { ports: GatewayPorts }> {
  const policy = await foreignPolicy(options, host);
  const backendCaFile = await backendRoots(await staticHostsOf(options), host);
  return {
    ...defined({ profile: options.profile, host: options.host, policy, backendCaFile }),
    ...(options.upstream === undefined
      ? {}
      : { upstream: await foreignUpstream(options.upstream, host) }),
    ports: options.ports ?? {
      ingress: options.port ?? DEFAULT_PORTS.ingress,
      admin: options.adminPort ?? DEFAULT_PORTS.admin,
      policy: options.policyPort ?? DEFAULT_PORTS.policy,
      upstream: options.upstreamPort ?? DEFAULT_PORTS.upstream,
      control: options.controlPort ?? DEFAULT_PORTS.control,
      router: options.routerPort ?? DEFAULT_PORTS.router,
      responses: DEFAULT_PORTS.responses,
      extproc: DEFAULT_PORTS.extproc,
    },
  };
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
  const name = options.upstreamKeyEnv;
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

async function foreignUpstream(url: string, host: Host): Promise<{ url: string; caFile?: string }> {
  if (!url.startsWith("https:")) return { url };
  return { url, caFile: await systemRoots(host.env("SSL_CERT_FILE")) };
}

async function assertReadable(file: string): Promise<void> {
  try {
    await Deno.readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}
