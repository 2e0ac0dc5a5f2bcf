/** Resources that a server holds at one time, by type and name, with versions made of their content. */
import { createHash } from "node:crypto";
import type { Held } from "./wire.ts";

/** Resources of one type. */
export interface TypeResources {
  /** Made of the names and versions in it. */
  readonly version: string;
  readonly byName: ReadonlyMap<string, Held>;
}

/** Everything that is served, by type URL. */
export interface Snapshot {
  readonly types: ReadonlyMap<string, TypeResources>;
  /** Name of the endpoints that a cluster asks for, by the cluster's name. */
  readonly endpointsOf: ReadonlyMap<string, string>;
}

/** Long enough that no two of one file are alike by chance. */
const DIGITS = 12;

/** The types that are served, by the short names of their services. */
export const TYPE = {
  cds: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  eds: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  sds: "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
  lds: "type.googleapis.com/envoy.config.listener.v3.Listener",
  rds: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
  ecds: "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
} as const;

/** Short name of a type's service. */
export type Service = keyof typeof TYPE;

const SHORT = new Map<string, string>(
  Object.entries(TYPE).map(([service, url]) => [url, service.toUpperCase()]),
);

/** Short name of a type, `CDS`; the URL itself for any other. */
export function shortName(typeUrl: string): string {
  return SHORT.get(typeUrl) ?? typeUrl;
}

/** Types whose responses hold every resource that there is: one that is not in it has been removed. */
export function isWhole(typeUrl: string): boolean {
  return typeUrl === TYPE.cds || typeUrl === TYPE.lds;
}

/** Makes one resource of its name and its encoded message. */
export function held(name: string, bytes: Uint8Array): Held {
  return { name, bytes, version: digest(bytes) };
}

/** Gathers resources of one type; a later one of the same name counts. */
export function typeResources(all: Iterable<Held>): TypeResources {
  const byName = new Map([...all].map((one) => [one.name, one]));
  const lines = [...byName.values()].map(({ name, version }) => `${name} ${version}`).sort();
  return { byName, version: digest(lines.join("\n")) };
}

/** Nothing of a type. */
export const NOTHING: TypeResources = typeResources([]);

/** Resources of both; the second's where both have a name. */
export function union(one: TypeResources, other: TypeResources): TypeResources {
  const added = [...one.byName.keys()].some((name) => !other.byName.has(name));
  return added ? typeResources([...one.byName.values(), ...other.byName.values()]) : other;
}

function digest(content: Uint8Array | string): string {
  return createHash("sha256").update(content).digest("hex").slice(0, DIGITS);
}
