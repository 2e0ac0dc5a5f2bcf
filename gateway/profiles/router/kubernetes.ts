/** The model router as Kubernetes manifests. */
import {
  anybody,
  CONFIG_FOLDER,
  deployment,
  disruptionBudget,
  GRPC_PROBE,
  type KubernetesObject,
  type KubernetesSettings,
  LLMGATE_RESOURCES,
  LLMGATE_USER,
  networkPolicy,
  object,
  type Owner,
  PARTS,
  peerSecretEnv,
  pods,
  ROUTER_DRAIN_SECONDS,
  scratch,
  service,
  sha256,
} from "../../../manifests/mod.ts";

/** The ports of model servers; every port where they are known by name only. */
export function modelPorts({ router }: KubernetesSettings): object[] {
  if (router.staticHosts === undefined) {
    return [
      router.port !== undefined && /^\d+$/.test(router.port)
        ? anybody(Number(router.port))
        : anybody(),
    ];
  }
  const ports = router.staticHosts.split(",").map((host) =>
    Number(/:(\d+)(?:\/|$)/.exec(host)?.[1] ?? (host.trim().startsWith("http:") ? 80 : 443))
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
      env: [...scratch().env, peerSecretEnv()],
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
function routerArguments(settings: KubernetesSettings): string[] {
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
