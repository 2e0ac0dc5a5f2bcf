/** Services beside policy and upstream that somebody's filters ask: who they are, and where they are asked. */
import type { HttpFilter } from "./filters.ts";
import { type Json, type JsonObject, objectsAt, valueAt } from "./tree.ts";

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
  /** An HTTP ext_authz service whose denials lose headers that the file does not list. */
  readonly listsHeaders?: boolean;
  /** Tokens that the keys of a JWKS server check. */
  readonly tokens?: ForeignTokens;
}

/** Tokens as a provider of JwtAuthentication takes them. */
export interface ForeignTokens {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** The header that carries them, and the text before them there. */
  readonly header: string;
  readonly prefix: string;
}

/** Returns the parts that the filters of a chain ask by clusters of the file. */
export function foreignParts(filters: readonly HttpFilter[]): ForeignPart[] {
  return filters.filter(({ disabled }) => !disabled).flatMap(({ type, name, config }) => {
    const part = (kind: ForeignPart["kind"], cluster: Json | undefined, isOptional: boolean) =>
      typeof cluster === "string" ? [{ kind, filter: name, cluster, isOptional }] : [];
    switch (type) {
      case "ExtAuthz": {
        const prefix = valueAt(config, "http_service/path_prefix");
        const listsHeaders = valueAt(
          config,
          "http_service/authorization_response/allowed_client_headers",
        ) !== undefined;
        return part(
          "http_authz",
          valueAt(config, "http_service/server_uri/cluster"),
          config.failure_mode_allow === true,
        ).map((one) => ({
          ...one,
          ...(typeof prefix === "string" && { pathPrefix: prefix }),
          ...(listsHeaders && { listsHeaders }),
        }));
      }
      case "ExternalProcessor":
        return part(
          "ext_proc",
          valueAt(config, "grpc_service/envoy_grpc/cluster_name"),
          config.failure_mode_allow === true,
        );
      case "RateLimit":
        return part(
          "rate_limit",
          valueAt(config, "rate_limit_service/grpc_service/envoy_grpc/cluster_name"),
          config.failure_mode_deny !== true,
        );
      case "JwtAuthentication":
        return objectsAt(config, "providers/*").flatMap((provider) =>
          part("jwks", valueAt(provider, "remote_jwks/http_uri/cluster"), false)
            .map((one) => ({ ...one, tokens: tokensOf(provider) }))
        );
      default:
        return [];
    }
  });
}

/** RFC 6750 section 2.1, and Envoy's default. */
const BEARER = { header: "authorization", prefix: "Bearer " };

function tokensOf(provider: JsonObject): ForeignTokens {
  const { issuer, audiences } = provider;
  const first = Array.isArray(audiences) ? audiences[0] : undefined;
  const [from] = objectsAt(provider, "from_headers/*");
  return {
    issuer: typeof issuer === "string" ? issuer : undefined,
    audience: typeof first === "string" ? first : undefined,
    ...(from === undefined
      ? BEARER
      : { header: String(from.name), prefix: String(from.value_prefix ?? "") }),
  };
}
