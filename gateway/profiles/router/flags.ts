/** Flags of the model router, and the hosts that they describe. */
import { systemRoots } from "../../../envoy/mod.ts";
import {
  choiceOption,
  fileOption,
  inSection,
  integerOption,
  type OptionValues,
  portOption,
  textOption,
  urlOption,
} from "../../../options/mod.ts";
import type {
  HealthCheckOptions,
  KubernetesHosts,
  RoutingLogic,
  ServiceDiscovery,
} from "../../../router/mod.ts";
import { loadModule, UsageError } from "../../../service/mod.ts";
import { LEAST_BODY_MIB, ROUTER_PORT, type RouterPartOptions } from "./profile.ts";

/** The router's own lists, so that a gateway without one need not load it; a test holds them equal. */
export const DISCOVERY_CHOICES = ["static", "k8s"] as const satisfies readonly ServiceDiscovery[];
export const LOGIC_CHOICES = [
  "round_robin",
  "random",
  "least_outstanding_requests",
  "power_of_two",
  "session",
  "prefix_aware",
  "kv_aware",
] as const satisfies readonly RoutingLogic[];

/** The model router: its routes, and the backends that it chooses from. */
export const ROUTER_FLAGS = inSection("Model router (--profile router)", {
  serviceDiscovery: choiceOption("--service-discovery <NAME>", {
    description: "how model servers are found: --static-hosts, or ready pods in Kubernetes",
    choices: DISCOVERY_CHOICES,
    default: "static",
  }),
  staticHosts: textOption("--static-hosts <HOST:PORT,…>", {
    description:
      "model servers, by commas; https://HOST for one with TLS, http://HOST/PATH for a path before /v1",
  }),
  k8sLabelSelector: textOption("--k8s-label-selector <SELECTOR>", {
    description: "labels of the Services whose pods are model servers, such as app=vllm",
  }),
  k8sNamespace: textOption("--k8s-namespace <NAME>", {
    description: "namespace of these Services; that of the pod or the kubeconfig when left out",
  }),
  k8sPort: textOption("--k8s-port <PORT>", {
    description: "port of the pods, a number or its name in the Service; the first when left out",
  }),
  k8sApi: urlOption("--k8s-api <URL>", {
    description: "Kubernetes API without credentials, such as kubectl proxy serves",
  }),
  kubeconfig: fileOption("--kubeconfig <FILE>", {
    description: "how to reach the API; the pod's own account, KUBECONFIG or ~/.kube/config else",
  }),
  staticModels: textOption("--static-models <MODELS,…>", {
    description:
      'what each host serves, in their order: a model, models joined by "|", or "*"; asked for when left out',
  }),
  hostKeyEnvs: textOption("--host-key-envs <NAME,…>", {
    description:
      "environment variables with the hosts' keys: one for each static host, empty for none, or one for all",
  }),
  logic: choiceOption("--routing-logic <NAME>", {
    description: "how a host is chosen",
    choices: LOGIC_CHOICES,
    default: "round_robin",
  }),
  sessionHeader: textOption("--session-header <NAME>", {
    description: "header that names a session, for --routing-logic session",
    default: "x-session-id",
  }),
  modelHeader: textOption("--model-header <NAME>", {
    description: "let clients name the model in this header in place of the body; off by default",
  }),
  maxBody: integerOption("--max-body <MIB>", {
    description: "longest request body, in MiB, compressed or not",
    min: LEAST_BODY_MIB,
    max: 1_024,
    default: 64,
  }),
  routeConfig: fileOption("--route-config <FILE>", {
    description: "routes.json, reloaded on change",
  }),
  probeInterval: integerOption("--probe-interval <SECONDS>", {
    description: "how often each host is probed; 0 for never",
    min: 0,
    max: 86_400,
    default: 5,
  }),
  probePath: textOption("--probe-path <PATH>", {
    description: "what a probe asks for; any answer below 500 is a good one",
    default: "/health",
  }),
  engineStatsInterval: integerOption("--engine-stats-interval <SECONDS>", {
    description: "how often each engine's /metrics is read, with --routing-logic kv_aware",
    min: 1,
    max: 3_600,
    default: 1,
  }),
});

/** Where the router listens as a part of a gateway. */
export const ROUTER_PORT_FLAG = inSection("Model router (--profile router)", {
  routerPort: portOption("--router-port <PORT>", {
    description: `${ROUTER_PORT.what}, gRPC ext_proc`,
    default: ROUTER_PORT.default,
  }),
});

/** The values of the flags above, as far as they are given. */
export type RouterValues = Partial<OptionValues<typeof ROUTER_FLAGS>>;

/** Reads an environment variable. */
type Env = (name: string) => string | undefined;

/** How the hosts of the flags are watched. */
export function healthOf(options: RouterValues): HealthCheckOptions {
  const { probeInterval = 0, probePath = "", engineStatsInterval, logic } = options;
  if (!/^\/[^\s?#]*$/.test(probePath) && probeInterval > 0) {
    throw new UsageError(
      `Cannot use --probe-path: it must be a path such as /health: current value is "${probePath}"`,
    );
  }
  return {
    ...(probeInterval > 0 && { probeMs: probeInterval * 1_000, probePath }),
    ...(logic === "kv_aware" && engineStatsInterval !== undefined &&
      { engineStatsMs: engineStatsInterval * 1_000 }),
  };
}

/**
 * The model servers in Kubernetes that the flags describe; undefined with static discovery.
 *
 * @throws {UsageError} for flags of one way of discovery with the other
 */
export function kubernetesOf(
  options: RouterValues,
  env: Env,
): KubernetesHosts | undefined {
  const { k8sLabelSelector: labelSelector, k8sNamespace: namespace, k8sPort: port } = options;
  const { k8sApi: api, kubeconfig } = options;
  if (options.serviceDiscovery !== "k8s") {
    if ([labelSelector, namespace, port, api, kubeconfig].every((value) => value === undefined)) {
      return undefined;
    }
    throw new UsageError(
      "Cannot use --k8s-… or --kubeconfig without --service-discovery k8s",
    );
  }
  if (options.staticHosts !== undefined || options.staticModels !== undefined) {
    throw new UsageError(
      "Cannot use --static-hosts or --static-models with --service-discovery k8s",
    );
  }
  if (labelSelector === undefined) {
    throw new UsageError(
      "Cannot use --service-discovery k8s without --k8s-label-selector: it names the Services, such as app=vllm",
    );
  }
  const keys = hostKeysOf(options, env);
  if (keys.length > 1) {
    throw new UsageError(
      "Cannot use --host-key-envs: pods have one key, so it must name one variable",
    );
  }
  return { labelSelector, namespace, port, api, kubeconfig, env, key: keys[0] || undefined };
}

/**
 * The keys of the hosts, from the variables that the flag names; an empty text for none.
 *
 * @throws {UsageError} for a variable that is not set
 */
export function hostKeysOf({ hostKeyEnvs }: RouterValues, env: Env): string[] {
  if (hostKeyEnvs === undefined) return [];
  return hostKeyEnvs.split(",").map((entry) => {
    const name = entry.trim();
    if (name === "") return "";
    const key = env(name);
    if (key !== undefined && key !== "") return key;
    throw new UsageError(`Cannot use --host-key-envs: the variable ${name} is not set`);
  });
}

/** Throws as `parseHosts`, and for models without hosts. */
export async function staticHostsOf(
  options: RouterValues,
  env: Env,
): Promise<RouterPartOptions["hosts"]> {
  const { staticHosts, staticModels } = options;
  if (staticHosts !== undefined) {
    const { parseHosts } = await loadModule<typeof import("../../../router/mod.ts")>(
      "router/mod.ts",
    );
    return parseHosts(staticHosts, staticModels, hostKeysOf(options, env));
  }
  if (staticModels === undefined) return undefined;
  throw new UsageError("Cannot use --static-models without --static-hosts");
}

const MIB = 1_048_576;

/** Longest request body, in bytes; undefined for the default. */
export function bodyBytesOf({ maxBody }: RouterValues): number | undefined {
  return maxBody === undefined ? undefined : maxBody * MIB;
}

/** Only hosts with TLS need roots. */
export async function backendRoots(
  hosts: RouterPartOptions["hosts"],
  env: Env,
): Promise<string | undefined> {
  if (!hosts?.some(({ tls }) => tls)) return undefined;
  return await systemRoots(env("SSL_CERT_FILE"));
}
