/** A gateway as Kubernetes manifests. */
import type { ExportedFile } from "../settings.ts";
import { yamlText } from "../yaml_text.ts";
import type { KubernetesObject } from "./objects.ts";
import { envoyProxy, mockUpstream, policyEngine, vllmExtproc } from "./parts.ts";
import { responsesGateway } from "./responses_gateway.ts";
import type { KubernetesSettings } from "./settings.ts";

/** A part of the export: its file, what stands above it, when it is there, and what it holds. */
interface Part {
  readonly file: string;
  readonly comment: string;
  wanted(settings: KubernetesSettings): boolean;
  objects(settings: KubernetesSettings): KubernetesObject[];
}

const PARTS: readonly Part[] = [
  {
    file: "vllm-extproc.yaml",
    comment: "The model router: one decision per request, and the endpoints that Envoy may use.",
    wanted: ({ profile }) => profile === "router",
    objects: vllmExtproc,
  },
  {
    file: "responses-gateway.yaml",
    comment: "The OpenAI Responses gateway.",
    wanted: ({ profile }) => profile === "responses",
    objects: responsesGateway,
  },
  {
    file: "policy-engine.yaml",
    comment: "The policy stub. Its rules are the demo's unless others were given: replace them.",
    wanted: ({ policy }) => policy === undefined,
    objects: policyEngine,
  },
  {
    file: "mock-upstream.yaml",
    comment: "A mock in place of a model server.",
    wanted: ({ profile, upstream }) => profile === "base" && upstream === undefined,
    objects: mockUpstream,
  },
  {
    file: "envoy-proxy.yaml",
    comment: "Envoy, the only entrance.",
    wanted: () => true,
    objects: envoyProxy,
  },
];

/**
 * Returns the manifests of a gateway, one file per part, and a kustomization of them:
 * `kubectl apply -k DIR`. They need Kubernetes 1.30 or newer (`preStop.sleep`).
 */
export function exportKubernetes(settings: KubernetesSettings): ExportedFile[] {
  const files = PARTS.filter((part) => part.wanted(settings)).map((part) => ({
    name: part.file,
    text: yamlText(
      part.objects(settings).map((value, index) => ({
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
