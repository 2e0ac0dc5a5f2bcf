/** The manifests of each part. */
import { envoyFile } from "../envoy_file.ts";
import { CONFIG_FOLDER, ENVOY_FOLDER, PARTS } from "../settings.ts";
import {
  GRPC_PROBE,
  LLMGATE_RESOURCES,
  LLMGATE_USER,
  ROUTER_DRAIN_SECONDS,
  scratch,
  sha256,
} from "./container.ts";
import {
  anybody,
  deployment,
  disruptionBudget,
  type KubernetesObject,
  networkPolicy,
  object,
  type Owner,
  pods,
  service,
} from "./objects.ts";
import type { KubernetesSettings } from "./settings.ts";

/** User of Envoy's image. */
const ENVOY_USER = 101;

/** Long enough for most streams; the clients of longer ones see them end. */
const ENVOY_DRAIN_SECONDS = 120;
/** A Check takes milliseconds; DNS is read again after 5 s. */
const POLICY_DRAIN_SECONDS = 10;

const ENVOY_RESOURCES = {
  requests: { cpu: "500m", memory: "256Mi" },
  limits: { cpu: "2", memory: "1Gi" },
};
/** As many workers as cores in the limit; Envoy counts those of the node. */
const ENVOY_WORKERS = 2;

/** Envoy with the profile's configuration. */
export function envoyProxy(settings: KubernetesSettings): KubernetesObject[] {
  const { name, port } = PARTS.envoy;
  const owner = { name, namespace: settings.namespace };
  const config = envoyFile(settings);
  return [
    object(owner, { apiVersion: "v1", kind: "ConfigMap", data: { "envoy.yaml": config } }),
    deployment({
      ...owner,
      replicas: settings.replicas,
      image: settings.envoyImage,
      command: ["envoy"],
      args: [
        ...["-c", `${ENVOY_FOLDER}/envoy.yaml`],
        ...["--service-cluster", name, "--service-node", "$(POD_NAME)"],
        ...["--concurrency", String(ENVOY_WORKERS)],
        "--disable-hot-restart",
      ],
      env: [{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
      ports: { http: port },
      mounts: { [ENVOY_FOLDER]: { configMap: { name } } },
      // Answered by Envoy itself, and open: whether policy and router are well is not asked.
      probe: { httpGet: { path: "/healthz", port: "http" } },
      user: ENVOY_USER,
      resources: ENVOY_RESOURCES,
      drainSeconds: ENVOY_DRAIN_SECONDS,
      configSha256: sha256(config),
    }),
    service(owner, { ports: { http: port }, headless: false }),
    disruptionBudget(owner),
    networkPolicy(owner, {
      ingress: [anybody("http")],
      egress: [...policyEgress(settings), ...modelEgress(settings)],
    }),
  ];
}

function policyEgress({ policy }: KubernetesSettings): object[] {
  return [
    policy === undefined ? pods("to", PARTS.policy.name, PARTS.policy.port) : anybody(policy.port),
  ];
}

/** Where model servers are, and what decides among them. */
function modelEgress(settings: KubernetesSettings): object[] {
  if (settings.profile === "router") {
    const { name, port } = PARTS.router;
    return [pods("to", name, port), ...modelPorts(settings)];
  }
  if (settings.profile === "responses") {
    const { name, http, grpc } = PARTS.responses;
    return [pods("to", name, http, grpc)];
  }
  const { upstream } = settings;
  return [
    upstream === undefined
      ? pods("to", PARTS.upstream.name, PARTS.upstream.port)
      : anybody(upstream.port),
  ];
}

/** The ports of model servers; every port where they are known by name only. */
function modelPorts({ router }: KubernetesSettings): object[] {
  if (router.staticHosts === undefined) {
    return [
      router.port !== undefined && /^\d+$/.test(router.port)
        ? anybody(Number(router.port))
        : anybody(),
    ];
  }
  const ports = router.staticHosts.split(",").map((host) =>
    Number(/:(\d+)\/?$/.exec(host)?.[1] ?? (host.trim().startsWith("http:") ? 80 : 443))
  );
  return [anybody(...new Set(ports))];
}

/** The model router, with the right to see endpoints. */
export function vllmExtproc(settings: KubernetesSettings): KubernetesObject[] {
  const { name, port, metrics } = PARTS.router;
  const { namespace, router } = settings;
  const owner = { name, namespace };
  const inKubernetes = router.staticHosts === undefined;
  return [
    ...(inKubernetes ? endpointReader(owner, router.namespace ?? namespace) : []),
    object(owner, { apiVersion: "v1", kind: "ConfigMap", data: { "routes.json": router.routes } }),
    deployment({
      ...owner,
      replicas: settings.replicas,
      image: settings.image,
      args: routerArguments(settings),
      ...scratch(),
      ports: { grpc: port, metrics },
      mounts: { [CONFIG_FOLDER]: { configMap: { name } }, "/tmp": { emptyDir: {} } },
      probe: GRPC_PROBE(port),
      user: LLMGATE_USER,
      resources: LLMGATE_RESOURCES,
      drainSeconds: ROUTER_DRAIN_SECONDS,
      configSha256: sha256(router.routes),
      ...(inKubernetes ? { serviceAccount: name } : {}),
    }),
    service(owner, { ports: { grpc: port, metrics }, headless: true }),
    disruptionBudget(owner),
    networkPolicy(owner, {
      ingress: [pods("from", PARTS.envoy.name, port), anybody(metrics)],
      // The API server is no pod, and its port differs: 443 in front of it, 6443 behind.
      egress: [...(inKubernetes ? [anybody(443, 6443)] : []), ...modelPorts(settings)],
    }),
  ];
}

/** The arguments of the exported router. */
export function routerArguments(settings: KubernetesSettings): string[] {
  const { port, metrics } = PARTS.router;
  const { router, namespace } = settings;
  const found = router.staticHosts === undefined
    ? [
      ...["--service-discovery", "k8s", "--k8s-label-selector", router.labelSelector],
      ...["--k8s-namespace", router.namespace ?? namespace],
      ...(router.port === undefined ? [] : ["--k8s-port", router.port]),
    ]
    : [
      ...["--static-hosts", router.staticHosts],
      ...(router.staticModels === undefined ? [] : ["--static-models", router.staticModels]),
    ];
  return [
    ...["router", "--host", "0.0.0.0", "--port", String(port)],
    ...found,
    ...["--routing-logic", router.logic],
    ...["--route-config", `${CONFIG_FOLDER}/routes.json`],
    ...["--control-host", "0.0.0.0", "--control-port", String(metrics)],
    ...["--log-level", "warning"],
  ];
}

/** The account of the router, and what it may do: see endpoints in the model servers' namespace. */
function endpointReader(owner: Owner, namespace: string): KubernetesObject[] {
  const there = { name: owner.name, namespace };
  return [
    object(owner, { apiVersion: "v1", kind: "ServiceAccount" }),
    object(there, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "Role",
      rules: [{
        apiGroups: ["discovery.k8s.io"],
        resources: ["endpointslices"],
        verbs: ["get", "list", "watch"],
      }],
    }),
    object(there, {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "RoleBinding",
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: owner.name },
      subjects: [{ kind: "ServiceAccount", name: owner.name, namespace: owner.namespace }],
    }),
  ];
}

/** The policy stub with its rules, which hold keys. */
export function policyEngine(settings: KubernetesSettings): KubernetesObject[] {
  const { name, port } = PARTS.policy;
  const owner = { name, namespace: settings.namespace };
  return [
    object(owner, {
      apiVersion: "v1",
      kind: "Secret",
      type: "Opaque",
      stringData: { "rules.yaml": settings.rules },
    }),
    deployment({
      ...owner,
      replicas: settings.replicas,
      image: settings.image,
      args: [
        ...["policy", "--host", "0.0.0.0", "--port", String(port)],
        ...["--rules", `${CONFIG_FOLDER}/rules.yaml`],
      ],
      ...scratch(),
      ports: { grpc: port },
      mounts: { [CONFIG_FOLDER]: { secret: { secretName: name } }, "/tmp": { emptyDir: {} } },
      probe: GRPC_PROBE(port),
      user: LLMGATE_USER,
      resources: LLMGATE_RESOURCES,
      drainSeconds: POLICY_DRAIN_SECONDS,
      configSha256: sha256(settings.rules),
    }),
    service(owner, { ports: { grpc: port }, headless: true }),
    disruptionBudget(owner),
    networkPolicy(owner, { ingress: [pods("from", PARTS.envoy.name, port)], egress: [] }),
  ];
}

/** The mock in place of a model server. */
export function mockUpstream(settings: KubernetesSettings): KubernetesObject[] {
  const { name, port } = PARTS.upstream;
  const owner = { name, namespace: settings.namespace };
  return [
    deployment({
      ...owner,
      replicas: 1,
      image: settings.image,
      args: ["upstream", "--host", "0.0.0.0", "--port", String(port)],
      ...scratch(),
      ports: { http: port },
      mounts: { "/tmp": { emptyDir: {} } },
      probe: { httpGet: { path: "/healthz", port: "http" } },
      user: LLMGATE_USER,
      resources: LLMGATE_RESOURCES,
      drainSeconds: POLICY_DRAIN_SECONDS,
      configSha256: sha256(""),
    }),
    service(owner, { ports: { http: port }, headless: false }),
    networkPolicy(owner, { ingress: [pods("from", PARTS.envoy.name, port)], egress: [] }),
  ];
}
