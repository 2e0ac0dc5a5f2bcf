/** Settings of an export, and the addresses of its parts. */
import type { UpstreamAddress } from "../gateway/mod.ts";

/** One file of an export. */
export interface ExportedFile {
  readonly name: string;
  readonly text: string;
}

/** Settings that both kinds of export share. */
export interface ExportSettings {
  /** Image that holds `llmgate`. */
  readonly image: string;
  /** Image that holds Envoy. */
  readonly envoyImage: string;
  /** Text of the rules of the policy stub. */
  readonly rules: string;
  /** A policy engine in place of the stub. */
  readonly policy?: { readonly host: string; readonly port: number } | undefined;
  /** Model server of the base profile; the mock when left out. */
  readonly upstream?: UpstreamAddress | undefined;
  /** Chat Completions server of the Responses gateway, its version included. */
  readonly modelEndpoint?: string | undefined;
  /** The model router of its profile. */
  readonly router: RouterSettings;
}

/** How the exported router finds and chooses model servers. */
export interface RouterSettings {
  /** Text of `routes.json`. */
  readonly routes: string;
  readonly logic: string;
  /** `--static-hosts`; discovery or mock servers when left out. */
  readonly staticHosts?: string | undefined;
  readonly staticModels?: string | undefined;
  /** Labels of the model servers' Services, in Kubernetes. */
  readonly labelSelector: string;
  /** Namespace of these Services; the export's own when left out. */
  readonly namespace?: string | undefined;
  /** Port of their pods: a number, or its name in the Service. */
  readonly port?: string | undefined;
}

/** Names and ports of the parts: Service names in Kubernetes, service names in Compose. */
export const PARTS = {
  envoy: { name: "envoy-proxy", port: 8080 },
  policy: { name: "policy-engine", port: 9002 },
  router: { name: "vllm-extproc", port: 50051, metrics: 9003 },
  responses: { name: "responses-gateway", http: 8081, grpc: 10_000 },
  upstream: { name: "mock-upstream", port: 9000 },
} as const;

/** Where the image of Envoy keeps the system's roots (Debian and Ubuntu, `ca-certificates`). */
export const IMAGE_ROOTS = "/etc/ssl/certs/ca-certificates.crt";

/** Where the files of a part are mounted. */
export const CONFIG_FOLDER = "/etc/llmgate";
export const ENVOY_FOLDER = "/etc/envoy";

/** Where the Responses gateway keeps its store. */
export const DATA_FOLDER = "/var/lib/llmgate";
