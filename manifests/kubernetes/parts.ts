/** The manifests of the parts that every gateway has, and of the mock. */
import { envoyFile } from "../envoy_file.ts";
import type { ProfileManifests } from "../profile.ts";
import { needsPeerSecret } from "../peer_secret.ts";
import { CONFIG_FOLDER, ENVOY_FOLDER, PARTS } from "../settings.ts";
import {
  GRPC_PROBE,
  LLMGATE_RESOURCES,
  LLMGATE_USER,
  peerSecretEnv,
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
export function envoyProxy(
  profile: ProfileManifests,
  settings: KubernetesSettings,
): KubernetesObject[] {
  const { name, port } = PARTS.envoy;
  const owner = { name, namespace: settings.namespace };
  const config = envoyFile(profile, settings);
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
      env: [
        { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        ...(needsPeerSecret(profile) ? [peerSecretEnv()] : []),
      ],
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
      egress: [...policyEgress(settings), ...profile.egress(settings)],
    }),
  ];
}

function policyEgress({ policy }: KubernetesSettings): object[] {
  return [
    policy === undefined ? pods("to", PARTS.policy.name, PARTS.policy.port) : anybody(policy.port),
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
