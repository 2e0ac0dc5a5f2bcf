/**
 * A gateway for other machines: Kubernetes manifests and a Compose file, made of the same Envoy
 * configuration, rules and routes that run here.
 *
 * ```ts
 * const files = exportKubernetes({
 *   profile: "router",
 *   namespace: "models",
 *   replicas: 2,
 *   image: "llmgate:0.1.0",
 *   envoyImage: "envoyproxy/envoy:v1.40.0",
 *   rules: DEFAULT_RULES,
 *   router: { routes: DEFAULT_ROUTES.text, logic: "round_robin", labelSelector: "app=vllm" },
 * });
 * for (const { name, text } of files) await Deno.writeTextFile(name, text);
 * ```
 *
 * @module
 */
export { type ComposeSettings, exportCompose } from "./compose/compose.ts";
export { exportKubernetes } from "./kubernetes/kubernetes.ts";
export type { KubernetesSettings, SharedStorage } from "./kubernetes/settings.ts";
export {
  EXPORTED_PROFILES,
  type ExportedFile,
  type ExportedProfile,
  type ExportSettings,
  type RouterSettings,
} from "./settings.ts";
