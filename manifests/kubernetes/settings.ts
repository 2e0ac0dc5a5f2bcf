/** Settings of an export to Kubernetes. */
import type { ExportSettings } from "../settings.ts";

/** Settings that only Kubernetes needs. */
export interface KubernetesSettings extends ExportSettings {
  readonly namespace: string;
  /** Pods of each part. */
  readonly replicas: number;
  /** Storage that the pods of the Responses gateway share; a file on a volume of the only pod when left out. */
  readonly shared?: SharedStorage | undefined;
}

/** A database and a bucket outside of the export; their credentials are in Secrets that are there. */
export interface SharedStorage {
  /** Secret and key that hold the database's URL. */
  readonly postgres: { readonly secret: string; readonly key: string };
  readonly s3: {
    readonly bucket: string;
    /** Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
    readonly secret: string;
    readonly region?: string | undefined;
    /** Base URL of a server other than Amazon's. */
    readonly endpoint?: string | undefined;
  };
}
