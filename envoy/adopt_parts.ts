/** Services beside policy and upstream that somebody's filters ask: who they are, and where they are asked. */
import type { HttpFilter } from "./filters.ts";
import { isObject, type Json, objectsAt, valueAt } from "./tree.ts";

/** A service that a filter of the judged listener asks, and that is neither our policy over gRPC nor our upstream. */
export interface ForeignPart {
  readonly kind: "http_authz" | "ext_proc" | "rate_limit" | "jwks";
  /** Name of the filter. */
  readonly filter: string;
  readonly cluster: string;
  /** Requests pass without it; its own work is then not done. */
  readonly isOptional: boolean;
  /** Path before the request's own, for an HTTP ext_authz service. */
  readonly pathPrefix?: string;
  /** A processor is asked in a way that only the real one can answer. */
  readonly isOwnWay?: boolean;
}

/** Returns the parts that the filters of a chain ask by clusters of the file. */
export function foreignParts(filters: readonly HttpFilter[]): ForeignPart[] {
  return filters.filter(({ disabled }) => !disabled).flatMap(({ type, name, config }) => {
    const part = (kind: ForeignPart["kind"], cluster: Json | undefined, isOptional: boolean) =>
      typeof cluster === "string" ? [{ kind, filter: name, cluster, isOptional }] : [];
    switch (type) {
      case "ExtAuthz": {
        const prefix = valueAt(config, "http_service/path_prefix");
        return part(
          "http_authz",
          valueAt(config, "http_service/server_uri/cluster"),
          config.failure_mode_allow === true,
        ).map((one) => ({ ...one, ...(typeof prefix === "string" && { pathPrefix: prefix }) }));
      }
      case "ExternalProcessor": {
        const modes = config.processing_mode;
        const isOwnWay = isObject(modes) && Object.values(modes).includes("FULL_DUPLEX_STREAMED");
        return part(
          "ext_proc",
          valueAt(config, "grpc_service/envoy_grpc/cluster_name"),
          config.failure_mode_allow === true,
        ).map((one) => ({ ...one, ...(isOwnWay && { isOwnWay }) }));
      }
      case "RateLimit":
        return part(
          "rate_limit",
          valueAt(config, "rate_limit_service/grpc_service/envoy_grpc/cluster_name"),
          config.failure_mode_deny !== true,
        );
      case "JwtAuthentication":
        return objectsAt(config, "providers/*").flatMap((provider) =>
          part("jwks", valueAt(provider, "remote_jwks/http_uri/cluster"), false)
        );
      default:
        return [];
    }
  });
}
