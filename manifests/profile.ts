/** The part of an export that is particular to a profile: beside policy and Envoy, which every one has. */
import type { EnvoyConfigFile, EnvoyOverlay } from "../envoy/mod.ts";
import type { ComposeSettings } from "./compose/settings.ts";
import type { KubernetesObject } from "./kubernetes/objects.ts";
import type { KubernetesSettings } from "./kubernetes/settings.ts";
import type { ExportedFile, ExportSettings } from "./settings.ts";

/** Parts of a Compose file. */
export interface ComposeParts {
  readonly services: Readonly<Record<string, object>>;
  readonly volumes?: Readonly<Record<string, object>>;
  /** Files that the services mount. */
  readonly files?: readonly ExportedFile[];
}

/** One file of Kubernetes manifests. */
export interface KubernetesPart {
  readonly file: string;
  /** Stands above its objects. */
  readonly comment: string;
  readonly objects: readonly KubernetesObject[];
}

/** A profile as the exports know it. */
export interface ProfileManifests {
  readonly listener: string;
  readonly policyCluster: string;
  /** Whether `--upstream` names its model server. */
  readonly takesUpstream?: boolean;
  /** Whether several of its pods can share a database and a bucket. */
  readonly sharesStorage?: boolean;
  /** Envoy's configuration. */
  config(): EnvoyConfigFile;
  /** Returns where Envoy finds the parts. The admin listener stays on loopback, as everywhere. */
  overlay(
    settings: ExportSettings,
  ): Pick<EnvoyOverlay, "clusters" | "trustedRoots" | "pathPrefixes">;
  compose(settings: ComposeSettings): ComposeParts;
  kubernetes(settings: KubernetesSettings): readonly KubernetesPart[];
  /** Returns the peers of Envoy beside policy, as egress rules of a NetworkPolicy. */
  egress(settings: KubernetesSettings): readonly object[];
}
