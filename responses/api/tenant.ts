/** The tenant that policy vouches for. No id is readable across tenants. */
export type Tenant = string;

/** The header that policy sets, and that Envoy strips from what clients send. */
export const TENANT_HEADER = "x-tenant";

/** The tenant of requests that carry no header: the gateway runs without policy in front. */
export const DEFAULT_TENANT: Tenant = "default";
