/** A gateway as Kubernetes manifests. */
import type { KubernetesPart, ProfileManifests } from "../profile.ts";
import type { ExportedFile } from "../settings.ts";
import { yamlText } from "../yaml_text.ts";
import { envoyProxy, policyEngine } from "./parts.ts";
import type { KubernetesSettings } from "./settings.ts";

/**
 * Returns the manifests of a gateway, one file per part, and a kustomization of them:
 * `kubectl apply -k DIR`. They need Kubernetes 1.30 or newer (`preStop.sleep`).
 */
export function exportKubernetes(
  profile: ProfileManifests,
  settings: KubernetesSettings,
): ExportedFile[] {
  const parts: KubernetesPart[] = [
    ...profile.kubernetes(settings),
    ...(settings.policy === undefined
      ? [{
        file: "policy-engine.yaml",
        comment:
          "The policy stub. Its rules are the demo's unless others were given: replace them.",
        objects: policyEngine(settings),
      }]
      : []),
    {
      file: "envoy-proxy.yaml",
      comment: "Envoy, the only entrance.",
      objects: envoyProxy(profile, settings),
    },
  ];
  const files = parts.map((part) => ({
    name: part.file,
    text: yamlText(
      part.objects.map((value, index) => ({
        value,
        ...(index === 0 ? { comment: part.comment } : {}),
      })),
    ),
  }));
  const kustomization = {
    apiVersion: "kustomize.config.k8s.io/v1beta1",
    kind: "Kustomization",
    resources: files.map(({ name }) => name),
  };
  return [...files, { name: "kustomization.yaml", text: yamlText([{ value: kustomization }]) }];
}
