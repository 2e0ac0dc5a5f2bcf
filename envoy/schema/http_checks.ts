/** Checks that HTTP filters and connection managers make of their own settings, beside types and limits. */
import { type Json, type JsonObject, objectsAt, valueAt } from "../tree.ts";
import type { BrokenLimit } from "./problem.ts";

/** Returns what Envoy would refuse of a message in canonical form. */
export type Check = (value: JsonObject) => BrokenLimit[];

const HTTP = "envoy.extensions.filters.http";
/** Shortest time in which a local rate limit can fill its bucket. */
const SHORTEST_FILL_SECONDS = 0.05;

/** Each was measured with `envoy --mode validate`; by message type. */
export const HTTP_CHECKS: Readonly<Record<string, Check>> = {
  [`${HTTP}.ext_authz.v3.ExtAuthz`]: oldTransport,
  "envoy.config.ratelimit.v3.RateLimitServiceConfig": oldTransport,
  [`${HTTP}.ext_proc.v3.ExternalProcessor`]: (value) => {
    const services = ["grpc_service", "http_service"].filter((key) => value[key] !== undefined);
    return [
      ...(services.length === 1 ? [] : [{
        field: services[1],
        found: "one of grpc_service and http_service is needed, and only one",
      }]),
      ...["request", "response"].filter((side) => lacksTrailers(value, side)).map((side) => ({
        field: "processing_mode",
        found: `FULL_DUPLEX_STREAMED wants \`${side}_trailer_mode: SEND\``,
      })),
    ];
  },
  [`${HTTP}.local_ratelimit.v3.LocalRateLimit`]: (value) => {
    const interval = Number.parseFloat(String(valueAt(value, "token_bucket/fill_interval")));
    return interval < SHORTEST_FILL_SECONDS
      ? [{ field: "token_bucket", found: "a bucket is filled every 50 ms at most" }]
      : [];
  },
  [`${HTTP}.jwt_authn.v3.JwtAuthentication`]: (value) => {
    const { providers, rules, requirement_map: map } = value;
    const known = Object.keys(providers ?? {});
    return [...new Set(providersIn([rules ?? null, map ?? null]))]
      .filter((name) => !known.includes(name))
      .map((name) => ({ field: "rules", found: `there is no provider "${name}"` }));
  },
  "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager": (
    { upgrade_configs: upgrades },
  ) => {
    const types = objectsAt(upgrades ?? [], "*").map(({ upgrade_type: type }) =>
      String(type).toLowerCase()
    );
    const again = types.find((type, index) => types.indexOf(type) !== index);
    return again === undefined
      ? []
      : [{ field: "upgrade_configs", found: `the upgrade to "${again}" stands in it twice` }];
  },
};

function oldTransport({ transport_api_version: version }: JsonObject): BrokenLimit[] {
  if (version !== "V2") return [];
  return [{ field: "transport_api_version", found: "Envoy knows V3 alone" }];
}

function lacksTrailers(value: JsonObject, side: string): boolean {
  const mode = (name: string) => valueAt(value, `processing_mode/${side}_${name}_mode`);
  return mode("body") === "FULL_DUPLEX_STREAMED" && mode("trailer") !== "SEND";
}

/** Names of the providers that requirements ask for, however deep. */
function providersIn(value: Json): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "provider_name" && typeof inner === "string" ? [inner] : providersIn(inner)
  );
}
