/**
 * A gateway for other machines: Kubernetes manifests and a Compose file, made of the same Envoy
 * configuration, rules and routes that run here. A profile hands in its own parts, made of the
 * blocks below.
 *
 * ```ts
 * import { profileKind } from "../gateway/profiles/mod.ts";
 * import { exportKubernetes } from "./mod.ts";
 *
 * const manifests = await profileKind("base").manifests?.();
 * const files = manifests && exportKubernetes(manifests, {
 *   namespace: "models",
 *   replicas: 2,
 *   image: "llmgate:0.1.0",
 *   envoyImage: "envoyproxy/envoy:v1.40.0",
 *   rules: "version: 1\nrules: []\n",
 *   router: { routes: "[]", logic: "round_robin", labelSelector: "app=vllm" },
 * });
 * for (const { name, text } of files ?? []) await Deno.writeTextFile(name, text);
 * ```
 *
 * @module
 */
export { exportCompose, llmgateService, mockService } from "./compose/compose.ts";
export type { ComposeSettings } from "./compose/settings.ts";
export { exportedAt } from "./envoy_file.ts";
export { exportEnvoyGateway } from "./gateway_api/envoy_gateway.ts";
export type { EnvoyGatewaySettings, RequestLimit } from "./gateway_api/settings.ts";
export {
  GRPC_PROBE,
  LLMGATE_RESOURCES,
  LLMGATE_USER,
  peerSecretEnv,
  ROUTER_DRAIN_SECONDS,
  scratch,
  sha256,
} from "./kubernetes/container.ts";
export { exportKubernetes } from "./kubernetes/kubernetes.ts";
export {
  anybody,
  deployment,
  disruptionBudget,
  type KubernetesObject,
  networkPolicy,
  object,
  type Owner,
  pods,
  service,
} from "./kubernetes/objects.ts";
export { mockUpstream } from "./kubernetes/parts.ts";
export type { KubernetesSettings, SharedStorage } from "./kubernetes/settings.ts";
export { needsPeerSecret, PEER_SECRET } from "./peer_secret.ts";
export type { ComposeParts, KubernetesPart, ProfileManifests } from "./profile.ts";
export {
  CONFIG_FOLDER,
  DATA_FOLDER,
  type ExportedFile,
  type ExportSettings,
  IMAGE_ROOTS,
  PARTS,
  type RouterSettings,
} from "./settings.ts";
