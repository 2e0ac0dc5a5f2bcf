/** `llmgate export kubernetes`: writes a gateway as Kubernetes manifests. */
import { resolve } from "node:path";
import { exportKubernetes, needsPeerSecret, PEER_SECRET } from "../../manifests/mod.ts";
import { UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import {
  DEFAULT_SELECTOR,
  EXPORT_OPTIONS,
  exportedProfile,
  exportedProfileOption,
  exportSettings,
  OUT_OPTION,
} from "../flags/export.ts";
import { assertNamespace } from "../flags/namespace.ts";
import { writeFolder } from "../folder.ts";
import { integerOption, textOption } from "../../options/mod.ts";
import { SHARED_STORAGE_OPTIONS, sharedStorageOf } from "../flags/shared_storage.ts";

export const command = defineCommand({
  name: "export kubernetes",
  summary: "write a gateway as Kubernetes manifests",
  description:
    `Writes envoy-proxy.yaml and the manifests of the other parts (vllm-extproc.yaml for the model router), with the
    bundled Envoy configuration, the rules and the routes in them: Deployments with probes, limits and a hardened
    security context, Services, RBAC for EndpointSlices, NetworkPolicies and PodDisruptionBudgets. For Kubernetes 1.30
    or newer. Without --out they are printed, for kubectl apply -f -. docs/kubernetes.md says what to bring.`,
  options: {
    profile: exportedProfileOption("router"),
    out: OUT_OPTION,
    namespace: textOption("--namespace <NAME>", {
      description: "namespace of every object",
      default: "default",
    }),
    replicas: integerOption("--replicas <COUNT>", {
      description:
        "pods of each part; one of the Responses gateway, unless they share their storage",
      min: 1,
      max: 100,
      default: 2,
    }),
    ...EXPORT_OPTIONS,
    ...SHARED_STORAGE_OPTIONS,
    k8sLabelSelector: textOption("--k8s-label-selector <SELECTOR>", {
      description: "labels of the Services whose pods are model servers",
      default: DEFAULT_SELECTOR,
    }),
    k8sNamespace: textOption("--k8s-namespace <NAME>", {
      description: "namespace of these Services; that of --namespace when left out",
    }),
    k8sPort: textOption("--k8s-port <PORT>", {
      description: "port of these pods, a number or its name; the Service's first when left out",
    }),
  },
  examples: [
    {
      command: "llmgate export kubernetes --out k8s --namespace models --k8s-port 8000",
      explains: "the model router for the pods of Services with app=vllm; kubectl apply -k k8s",
    },
    {
      command:
        "llmgate export kubernetes --profile responses --postgres-secret db-app --s3-bucket files --s3-secret files-key",
      explains: "Responses gateways that share a database and a bucket",
    },
    {
      command: "llmgate export kubernetes --profile base --upstream http://vllm:8000",
      explains: "policy in front of one model server, printed",
    },
  ],
  permissions: ["read", "write", "env", "sys"],
  async run({ options, host, print }) {
    assertNamespace(options.namespace);
    assertNamespace(options.k8sNamespace ?? options.namespace);
    const profile = await exportedProfile(options);
    const flags: Readonly<Record<string, unknown>> = options;
    const isShared = Object.keys(SHARED_STORAGE_OPTIONS).some((key) => flags[key] !== undefined);
    if (isShared && !profile.sharesStorage) {
      throw new UsageError(
        `Cannot use --postgres-secret and --s3-* with the profile "${options.profile}": it keeps nothing`,
      );
    }
    const shared = sharedStorageOf(options);
    const settings = await exportSettings(options, host);
    const files = exportKubernetes(profile, {
      ...settings,
      namespace: options.namespace,
      replicas: options.replicas,
      shared,
      router: {
        ...settings.router,
        labelSelector: options.k8sLabelSelector,
        namespace: options.k8sNamespace,
        port: options.k8sPort,
      },
    });
    if (options.out === undefined) {
      const objects = files.filter(({ name }) => name !== "kustomization.yaml");
      print(objects.map(({ text }) => text.trimEnd()).join("\n---\n"));
      return EXIT.ok;
    }
    const paths = await writeFolder(resolve(host.cwd, options.out), files, options);
    for (const path of paths) print(`wrote ${path}`);
    if (needsPeerSecret(profile)) {
      const { name, key } = PEER_SECRET;
      print(
        `\nonce before:  kubectl -n ${options.namespace} create secret generic ${name} --from-literal=${key}=$(openssl rand -hex 32)`,
      );
    }
    print(`\napply them:  kubectl apply -k "${options.out}"`);
    return EXIT.ok;
  },
});
