/** Settings of an export for Envoy Gateway. */
import type { UpstreamAddress } from "../../gateway/mod.ts";

/** A limit on requests. */
export interface RequestLimit {
  /** Headers whose values are counted apart. */
  readonly headers: readonly string[];
  readonly requests: number;
  /** `second`, `minute`, `hour`, `day` or `month`. */
  readonly per: string;
}

/** Settings of an export for Envoy Gateway. */
export interface EnvoyGatewaySettings {
  readonly namespace: string;
  /** Port of the listener, plain HTTP. */
  readonly port: number;
  /** Engine that decides, by ext_authz over gRPC. */
  readonly policy: { readonly host: string; readonly port: number };
  /** In the order in which they are asked. */
  readonly upstreams: readonly UpstreamAddress[];
  /** External processor behind policy, over gRPC. */
  readonly processor?: { readonly host: string; readonly port: number } | undefined;
  /** They need the rate-limit service of Envoy Gateway. */
  readonly limits?: readonly RequestLimit[] | undefined;
  /** Limits that Envoy Gateway cannot have, as a comment. */
  readonly leftOut?: readonly string[] | undefined;
}
