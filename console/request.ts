/** A request as the data API tells it, and the page reads it: types alone, the page runs elsewhere. */

/** A time span of one part, in milliseconds since the request's first sign. */
export interface Lane {
  readonly from: number;
  /** Absent while it runs. */
  readonly to?: number;
  /** When events left. */
  readonly marks?: readonly number[];
}

/** One request. */
export interface ConsoleRequest {
  readonly id: string;
  readonly state: "deciding" | "denied" | "waiting" | "streaming" | "done";
  readonly time: string;
  readonly method: string;
  readonly path: string;
  readonly tenant: string;
  readonly model: string;
  readonly decision: string;
  readonly reason: string;
  readonly status: number;
  readonly first_byte_ms: number | null;
  readonly total_ms: number | null;
  readonly bytes: number | null;
  readonly events: number;
  readonly flags: string;
  readonly lanes: { readonly policy?: Lane; readonly upstream?: Lane };
}
