/** The Responses gateway: one pod with a file, or several that share a database and a bucket. */
import { responsesFile } from "./file.ts";
import {
  anybody,
  CONFIG_FOLDER,
  DATA_FOLDER,
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
  type SharedStorage,
} from "../../../manifests/mod.ts";

/** Ollama, under the name that its charts give it. */
const MODEL_ENDPOINT = "http://ollama:11434/v1";

/** Where the gateway finds the database's URL, and how it names the keys of the bucket (Amazon's own names). */
const POSTGRES_ENV = "DATABASE_URL";
const S3_KEYS = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const POSTGRES_PORT = 5432;

/** Returns its objects. Secrets are named, and never written. */
export function responsesGateway(settings: KubernetesSettings): KubernetesObject[] {
  const { name, http, grpc } = PARTS.responses;
  const owner = { name, namespace: settings.namespace };
  const endpoint = settings.modelEndpoint ?? MODEL_ENDPOINT;
  const { shared } = settings;
  const config = responsesFile(endpoint, shared && storageOf(shared));
  const file = "extproc-config.yaml";
  const env = [...scratch().env, peerSecretEnv()];
  const args = ["responses", "--config", `${CONFIG_FOLDER}/${file}`];
  return [
    object(owner, { apiVersion: "v1", kind: "ConfigMap", data: { [file]: config } }),
    ...(shared === undefined ? [volumeClaim(owner)] : []),
    deployment({
      ...owner,
      image: settings.image,
      ports: { http, grpc },
      probe: GRPC_PROBE(grpc),
      user: LLMGATE_USER,
      resources: LLMGATE_RESOURCES,
      drainSeconds: ROUTER_DRAIN_SECONDS,
      configSha256: sha256(config),
      ...(shared === undefined
        ? {
          env,
          replicas: 1,
          args: [...args, "--data-dir", DATA_FOLDER],
          mounts: {
            [CONFIG_FOLDER]: { configMap: { name } },
            [DATA_FOLDER]: { persistentVolumeClaim: { claimName: name } },
            "/tmp": { emptyDir: {} },
          },
          keeps: true,
        }
        : {
          env: [...env, ...secretsOf(shared)],
          replicas: settings.replicas,
          args,
          mounts: { [CONFIG_FOLDER]: { configMap: { name } }, "/tmp": { emptyDir: {} } },
        }),
    }),
    service(owner, { ports: { http, grpc }, headless: true }),
    ...(shared === undefined ? [] : [disruptionBudget(owner)]),
    networkPolicy(owner, {
      // It trusts x-tenant: nobody but Envoy may reach it.
      ingress: [pods("from", PARTS.envoy.name, http, grpc)],
      egress: [anybody(...new Set([portOf(endpoint), ...storagePorts(shared)]))],
    }),
  ];
}

function volumeClaim(owner: Owner): KubernetesObject {
  return object(owner, {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Gi" } } },
  });
}

/** The storage keys of the gateway's file; docs/responses.md describes them. */
function storageOf({ s3: { secret: _, ...s3 } }: SharedStorage): object {
  return { store: { postgres_env: POSTGRES_ENV }, files: { s3 } };
}

function secretsOf({ postgres, s3 }: SharedStorage): object[] {
  const from = (env: string, name: string, key: string) => ({
    name: env,
    valueFrom: { secretKeyRef: { name, key } },
  });
  return [
    from(POSTGRES_ENV, postgres.secret, postgres.key),
    ...S3_KEYS.map((key) => from(key, s3.secret, key)),
  ];
}

/** The database's own port is in a Secret: the usual one is let through. */
function storagePorts(shared: SharedStorage | undefined): number[] {
  if (shared === undefined) return [];
  return [POSTGRES_PORT, shared.s3.endpoint === undefined ? 443 : portOf(shared.s3.endpoint)];
}

function portOf(url: string): number {
  const { protocol, port } = new URL(url);
  return Number(port) || (protocol === "https:" ? 443 : 80);
}
