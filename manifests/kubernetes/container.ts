/** Fields that all containers of `llmgate` have in common. */
import { createHash } from "node:crypto";
import { PEER_SECRET_ENV } from "../../service/mod.ts";
import { PEER_SECRET } from "../peer_secret.ts";

/** User of the image of llmgate (`nobody` of distroless images). */
export const LLMGATE_USER = 65_532;

/** An ext_proc stream lives as long as its request, so that the router outlives Envoy's streams. */
export const ROUTER_DRAIN_SECONDS = 130;

/** The program's heap is bounded to 1 GiB; bodies are held beside it. */
export const LLMGATE_RESOURCES = {
  requests: { cpu: "500m", memory: "256Mi" },
  limits: { cpu: "2", memory: "1536Mi" },
};

/** Asks a part's own gRPC health service. */
export const GRPC_PROBE = (port: number) => ({ grpc: { port } });

/** A self-extracting llmgate unpacks itself; the rest of its file system cannot be written. */
export function scratch(): { env: object[] } {
  return { env: [{ name: "LLMGATE_HOME", value: "/tmp/llmgate" }] };
}

/** The secret by which Envoy proves itself: for Envoy's container, and for those of the parts that ask for it. */
export function peerSecretEnv(): object {
  return { name: PEER_SECRET_ENV, valueFrom: { secretKeyRef: PEER_SECRET } };
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
