/** Asks whether a policy engine answers, ours or anybody's. */
import { type GrpcClientOptions } from "../grpc/mod.ts";
import { checkClient, type Verdict } from "../ext_authz/mod.ts";
import { messageOf, UnavailableError } from "../service/mod.ts";

/** Options of {@linkcode probePolicy}. */
export interface ProbeOptions extends GrpcClientOptions {
  /** Milliseconds to wait, the connection included; 2,000 by default, as long as Envoy waits for an answer. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** As long as the base profile lets Envoy wait. */
const DEADLINE_MS = 2000;

/**
 * Sends one Check without a credential: any CheckResponse proves that the engine is there and speaks
 * the contract. Returns what it decided, which should not be `allow`. Rejects with
 * `UnavailableError`.
 */
export async function probePolicy(options: ProbeOptions): Promise<Verdict> {
  using client = checkClient(options);
  const http = {
    method: "GET",
    path: "/v1/models",
    host: "llmgate-probe",
    protocol: "HTTP/1.1",
    headers: { ":method": "GET", ":path": "/v1/models", ":authority": "llmgate-probe" },
  };
  try {
    return await client.verdict({ attributes: { request: { http } } }, {
      deadlineMs: options.deadlineMs ?? DEADLINE_MS,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (error) {
    throw new UnavailableError(
      `Cannot get an answer from the policy engine at ${options.address}: ${messageOf(error)}`,
    );
  }
}
