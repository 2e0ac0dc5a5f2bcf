/** A request that is over, as the gateway tells it. */
import type { ConsoleTokens } from "./request.ts";

/** A finished request, as Envoy and our parts tell it. */
export interface FinishedRequest {
  readonly time: string;
  readonly request_id: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly decision: string;
  readonly reason: string;
  readonly tenant: string | null;
  readonly first_byte_ms: number | null;
  readonly total_ms: number;
  readonly bytes: number;
  readonly events: number | null;
  readonly flags: string;
  readonly ended: string | null;
  readonly details: string;
  readonly model: string | null;
  readonly key: string | null;
  readonly host: string | null;
  readonly attempts: number;
  readonly protocol: string | null;
  readonly bytes_received: number;
  readonly tokens: ConsoleTokens | null;
  readonly policy_ms: number | null;
  readonly upstream_tx_ms: number | null;
  readonly upstream_rx_ms: number | null;
}
