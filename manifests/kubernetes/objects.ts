/** The shapes that every part's manifests share. */

/** A Kubernetes object. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: Labels };
  readonly [field: string]: unknown;
}

type Labels = Readonly<Record<string, string>>;

/** The part that an object belongs to. */
export interface Owner {
  readonly name: string;
  readonly namespace: string;
}

/** One Deployment with one container. */
export interface Workload extends Owner {
  readonly replicas: number;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args: readonly string[];
  readonly env?: readonly object[];
  readonly ports: Readonly<Record<string, number>>;
  /** Files by folder; each folder is a volume. */
  readonly mounts: Readonly<Record<string, object>>;
  readonly probe: object;
  /** User and group of the container's process. */
  readonly user: number;
  readonly resources: { readonly requests: object; readonly limits: object };
  /** Seconds that running streams get before the process is told to end. */
  readonly drainSeconds: number;
  /** Says what the configuration is, so that another one rolls out. */
  readonly configSha256: string;
  /** Name of the account; without one, no token is mounted. */
  readonly serviceAccount?: string;
  /** It keeps something on a volume that one pod may have at a time. */
  readonly keeps?: boolean;
}

const APP = "app.kubernetes.io/name";

/** Labels by which a part's pods are found. */
export function selectorOf(name: string): Labels {
  return { [APP]: name };
}

/** An object of a part, with its labels. */
export function object(
  { name, namespace }: Owner,
  about: { apiVersion: string; kind: string; [field: string]: unknown },
): KubernetesObject {
  const { apiVersion, kind, ...rest } = about;
  const labels = { ...selectorOf(name), "app.kubernetes.io/part-of": "llmgate" };
  return { apiVersion, kind, metadata: { name, namespace, labels }, ...rest };
}

/** The Deployment of a part: hardened, spread over nodes, drained before it ends. */
export function deployment(work: Workload): KubernetesObject {
  const matchLabels = selectorOf(work.name);
  return object(work, {
    apiVersion: "apps/v1",
    kind: "Deployment",
    spec: {
      replicas: work.replicas,
      selector: { matchLabels },
      // A new pod is ready before an old one goes, where two may be there at once.
      strategy: work.keeps
        ? { type: "Recreate" }
        : { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: matchLabels,
          annotations: { "llmgate/config-sha256": work.configSha256 },
        },
        spec: podSpec(work),
      },
    },
  });
}

function podSpec(work: Workload): object {
  const folders = Object.entries(work.mounts);
  const nameOf = (folder: string) => folder.slice(1).replaceAll("/", "-");
  return {
    ...(work.serviceAccount === undefined
      ? { automountServiceAccountToken: false }
      : { serviceAccountName: work.serviceAccount, automountServiceAccountToken: true }),
    securityContext: {
      runAsNonRoot: true,
      runAsUser: work.user,
      runAsGroup: work.user,
      ...(work.keeps ? { fsGroup: work.user } : {}),
      seccompProfile: { type: "RuntimeDefault" },
    },
    terminationGracePeriodSeconds: work.drainSeconds + 15,
    topologySpreadConstraints: [{
      maxSkew: 1,
      topologyKey: "kubernetes.io/hostname",
      whenUnsatisfiable: "ScheduleAnyway",
      labelSelector: { matchLabels: selectorOf(work.name) },
    }],
    containers: [{
      name: work.name,
      image: work.image,
      ...(work.command === undefined ? {} : { command: work.command }),
      args: work.args,
      ...(work.env === undefined ? {} : { env: work.env }),
      ports: Object.entries(work.ports).map(([name, containerPort]) => ({ name, containerPort })),
      readinessProbe: { ...work.probe, periodSeconds: 5 },
      livenessProbe: { ...work.probe, periodSeconds: 10, failureThreshold: 6 },
      startupProbe: { ...work.probe, periodSeconds: 1, failureThreshold: 60 },
      // No new requests come meanwhile; both would cut the streams when told to end.
      lifecycle: { preStop: { sleep: { seconds: work.drainSeconds } } },
      resources: work.resources,
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      volumeMounts: folders.map(([mountPath, source]) => ({
        name: nameOf(mountPath),
        mountPath,
        ...("emptyDir" in source || "persistentVolumeClaim" in source ? {} : { readOnly: true }),
      })),
    }],
    volumes: folders.map(([folder, source]) => ({ name: nameOf(folder), ...source })),
  };
}

/**
 * The Service of a part. A headless one has every pod's address in DNS: a gRPC client with one
 * connection would stay with one pod otherwise.
 */
export function service(
  owner: Owner,
  { ports, headless }: { ports: Workload["ports"]; headless: boolean },
): KubernetesObject {
  return object(owner, {
    apiVersion: "v1",
    kind: "Service",
    spec: {
      ...(headless ? { clusterIP: "None" } : {}),
      selector: selectorOf(owner.name),
      ports: Object.entries(ports).map(([name, port]) => ({ name, port, targetPort: name })),
    },
  });
}

/** One pod at a time may be taken away. */
export function disruptionBudget(owner: Owner): KubernetesObject {
  return object(owner, {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorOf(owner.name) } },
  });
}

/** Names are looked up somewhere in the cluster. */
const DNS = [{ port: 53, protocol: "UDP" }, { port: 53, protocol: "TCP" }];

/** Nobody speaks with a part but those named here. */
export function networkPolicy(
  owner: Owner,
  rules: { ingress: readonly object[]; egress: readonly object[] },
): KubernetesObject {
  return object(owner, {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    spec: {
      podSelector: { matchLabels: selectorOf(owner.name) },
      policyTypes: ["Ingress", "Egress"],
      ingress: rules.ingress,
      egress: [{ ports: DNS }, ...rules.egress],
    },
  });
}

/** Pods of a part in the same namespace, on these ports. */
export function pods(side: "from" | "to", name: string, ...ports: readonly number[]): object {
  return { [side]: [{ podSelector: { matchLabels: selectorOf(name) } }], ...anybody(...ports) };
}

/** Anybody, on these ports; on every port without one. */
export function anybody(...ports: readonly (number | string)[]): object {
  return ports.length === 0 ? {} : { ports: ports.map((port) => ({ port, protocol: "TCP" })) };
}
