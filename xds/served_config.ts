/** A configuration in two halves for Envoys of a control plane: the bootstrap that each starts with, and what is served. */
import {
  type EnvoyConfigFile,
  isObject,
  type JsonObject,
  objectsAt,
  type ResourceKind,
  type SourceOf,
  splitConfig,
  valueAt,
} from "../envoy/mod.ts";
import { UsageError } from "../service/mod.ts";
import { held, type Snapshot, TYPE, typeResources } from "./resources.ts";
import { secretsOf } from "./secrets.ts";
import type { Held } from "./wire.ts";

/** Name of the cluster by which an Envoy reaches this server. */
export const XDS_CLUSTER = "llmgate_xds";

/** A configuration that can be served. */
export interface ServedConfig {
  /** The file's name, for messages. */
  readonly name: string;
  /** The whole of it, in the canonical form. */
  readonly config: JsonObject;
  /** The half that stays with each Envoy; listeners are left out where they are served. */
  readonly kept: JsonObject;
  readonly snapshot: Snapshot;
  /** Files beside it whose secrets are served. */
  readonly files: readonly string[];
}

/** Every resource comes from the one server. */
const FROM_ADS: JsonObject = { resource_api_version: "V3", ads: {} };
const sourceOf: SourceOf = () => structuredClone(FROM_ADS);

/**
 * Splits a configuration and encodes what is served of it, the secrets in the files that it names among it.
 *
 * @param options `listeners`: those that may be changed, too, for whoever takes them from this server
 * @throws {UsageError} when it has a control plane of its own, a file of secrets that cannot be read, or a message
 *   that cannot be encoded
 */
export async function servedConfig(
  { name, bootstrap }: Pick<EnvoyConfigFile, "name" | "bootstrap">,
  { encode, listeners }: {
    readonly encode: (message: JsonObject) => Uint8Array;
    readonly listeners: boolean;
  },
): Promise<ServedConfig> {
  assertOwn(name, bootstrap);
  const { config, secrets, files } = await secretsOf(bootstrap, FROM_ADS);
  const split = splitConfig(config, sourceOf);
  const all = objectsAt(split.bootstrap, "static_resources/listeners/*");
  const kept = structuredClone(split.bootstrap);
  if (listeners) withoutListeners(kept);
  const encoded = (kind: ResourceKind): Held[] =>
    split.resources.filter((one) => one.kind === kind)
      .map(({ name, value }) => held(name, encode(value)));
  const lds = all.map((one, index) => {
    const value = { "@type": TYPE.lds, ...one, name: String(one.name ?? `listener_${index}`) };
    return held(value.name, encode(value));
  });
  const clusters = split.resources.filter(({ kind }) => kind === "cds");
  return {
    name,
    config: bootstrap,
    kept,
    files,
    snapshot: {
      types: new Map([
        [TYPE.cds, typeResources(encoded("cds"))],
        [TYPE.eds, typeResources(encoded("eds"))],
        [TYPE.sds, typeResources([...secrets].map(([name, value]) => held(name, encode(value))))],
        [TYPE.lds, typeResources(lds)],
        [TYPE.rds, typeResources(encoded("rds"))],
        [TYPE.ecds, typeResources(encoded("ecds"))],
      ]),
      endpointsOf: new Map(clusters.flatMap(({ name, value }) => {
        const endpoints = valueAt(value, "eds_cluster_config/service_name");
        return typeof endpoints === "string" ? [[name, endpoints]] : [];
      })),
    },
  };
}

/** Options of {@linkcode adsBootstrap}. */
export interface AdsBootstrapOptions {
  readonly host: string;
  readonly port: number;
  readonly variant: "sotw" | "delta";
  /** How the Envoy calls itself; what the file says when left out. */
  readonly node?: string;
  /** Whether it proves itself by the secret in its environment. */
  readonly secret: boolean;
}

/** Returns the bootstrap of an Envoy that takes the rest from this server. */
export function adsBootstrap({ kept }: ServedConfig, options: AdsBootstrapOptions): JsonObject {
  const { host, port, variant, node, secret } = options;
  const bootstrap = structuredClone(kept);
  const known = isObject(bootstrap.node) ? bootstrap.node : {};
  bootstrap.node = {
    id: "envoy",
    cluster: "llmgate",
    ...known,
    ...(node !== undefined && { id: node }),
  };
  bootstrap.dynamic_resources = {
    ...(isObject(bootstrap.dynamic_resources) ? bootstrap.dynamic_resources : {}),
    ads_config: {
      api_type: variant === "delta" ? "DELTA_GRPC" : "GRPC",
      transport_api_version: "V3",
      set_node_on_first_message_only: true,
      grpc_services: [{ envoy_grpc: { cluster_name: XDS_CLUSTER } }],
    },
  };
  const resources = isObject(bootstrap.static_resources) ? bootstrap.static_resources : {};
  bootstrap.static_resources = { ...resources, clusters: [xdsCluster(host, port, secret)] };
  return bootstrap;
}

/** Removes listeners from the half that stays; Envoy asks for them like for the rest. */
function withoutListeners(kept: JsonObject): void {
  if (isObject(kept.static_resources)) delete kept.static_resources.listeners;
  const dynamic = isObject(kept.dynamic_resources) ? kept.dynamic_resources : {};
  kept.dynamic_resources = { ...dynamic, lds_config: structuredClone(FROM_ADS) };
}

/** Seconds without a word after which Envoy asks the server whether it is there, and waits for its answer. */
const PING_S = "30s";
const PONG_S = "5s";

function xdsCluster(host: string, port: number, secret: boolean): JsonObject {
  const http = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const filters = "type.googleapis.com/envoy.extensions.filters.http";
  return {
    name: XDS_CLUSTER,
    type: "STRICT_DNS",
    connect_timeout: "1s",
    typed_extension_protocol_options: {
      [http]: {
        "@type": `type.googleapis.com/${http}`,
        explicit_http_config: {
          http2_protocol_options: {
            connection_keepalive: { interval: PING_S, timeout: PONG_S },
          },
        },
        ...(secret && {
          http_filters: [
            {
              name: "envoy.filters.http.header_mutation",
              typed_config: {
                "@type": `${filters}.header_mutation.v3.HeaderMutation`,
                mutations: {
                  request_mutations: [{
                    append: {
                      header: {
                        key: "x-llmgate-peer-secret",
                        value: "%ENVIRONMENT(LLMGATE_PEER_SECRET)%",
                      },
                      append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
                    },
                  }],
                },
              },
            },
            {
              name: "envoy.filters.http.upstream_codec",
              typed_config: { "@type": `${filters}.upstream_codec.v3.UpstreamCodec` },
            },
          ],
        }),
      },
    },
    load_assignment: {
      cluster_name: XDS_CLUSTER,
      endpoints: [{
        lb_endpoints: [{
          endpoint: { address: { socket_address: { address: host, port_value: port } } },
        }],
      }],
    },
  };
}

/** A file can have one control plane: this one, or its own. */
function assertOwn(name: string, bootstrap: JsonObject): void {
  for (const place of ["ads_config", "cds_config", "lds_config"]) {
    if (valueAt(bootstrap, `dynamic_resources/${place}`) === undefined) continue;
    throw new UsageError(
      `Cannot serve "${name}": its dynamic_resources/${place} names a control plane already; leave it out, and ` +
        "write what it would serve as static_resources",
    );
  }
  const names = objectsAt(bootstrap, "static_resources/clusters/*").map((one) => one.name);
  if (!names.includes(XDS_CLUSTER)) return;
  throw new UsageError(
    `Cannot serve "${name}": its cluster "${XDS_CLUSTER}" has the name of this server; give it another one`,
  );
}
