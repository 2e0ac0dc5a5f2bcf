/** Rules for faults that Envoy finds when it puts a configuration together: names that lead nowhere, filters out of order. */
import { isIP } from "node:net";
import {
  filtersInForce,
  isObject,
  type Json,
  type JsonObject,
  type LintModel,
  mistypedSettings,
  type Placed,
  placedAt,
  typeName,
  valueAt,
} from "../envoy/mod.ts";
import type { Hit, LintRule } from "./rule.ts";

const REFUSES = "Envoy does not start with it";

/** Rules about whole files: what a control plane adds is not known. */
export const REFERENCE_RULES: readonly LintRule[] = [
  {
    id: "config.unknown-cluster",
    severity: "error",
    why: REFUSES,
    fix: "name a cluster of the file, or add it",
    source: "RouteAction.cluster, RouteConfiguration.validate_clusters",
    check: (model) => isWhole(model) ? unknownClusters(model) : [],
  },
  {
    id: "config.filter-order",
    severity: "error",
    why: `${REFUSES}: the router ends the chain`,
    fix: "put the router last",
    source: "HttpConnectionManager.http_filters",
    check: (model) => model.ingresses.flatMap(misplacedRouter),
  },
  {
    id: "config.no-type",
    severity: "error",
    why: `${REFUSES}: an extension goes by the type of its configuration, and not by its name`,
    fix: "give it a `typed_config` with `@type`",
    source: "TypedExtensionConfig",
    check: (model) => [...model.listeners, ...model.clusters.values()].flatMap(untyped),
  },
  {
    id: "config.route-setting",
    severity: "error",
    why: `${REFUSES}: a filter takes settings of its own type alone`,
    fix: "give it the type that the message names",
    source: "Route.typed_per_filter_config",
    check: (model) =>
      model.ingresses.flatMap((ingress) =>
        ingress.routes.flatMap((route) =>
          ingress.filters.flatMap((filter) =>
            mistypedSettings(filter, route).map(({ path, value, wanted }) => ({
              path,
              found: `${
                typeName(value) || "no type"
              } is no setting of "${filter.name}", which takes ${wanted}`,
            }))
          )
        )
      ),
  },
  {
    id: "config.no-address",
    severity: "error",
    why: `${REFUSES}: it resolves no names there`,
    fix: "write an IP address, or make the cluster's type STRICT_DNS or LOGICAL_DNS",
    source: "SocketAddress.address",
    check: (model) => [...names(model), ...unaddressed(model)],
  },
  {
    id: "config.unknown-secret",
    severity: "error",
    why: REFUSES,
    fix:
      "put the secret into `static_resources.secrets`, or say by `sds_config` where it comes from",
    source: "SdsSecretConfig.sds_config",
    check: (model) => isWhole(model) ? unknownSecrets(model) : [],
  },
  {
    id: "policy.no-engine",
    severity: "error",
    why: "Envoy starts, and every request is refused, or let in where the filter fails open",
    fix: "name a cluster of the file, or add it",
    case: "allow.basic-200",
    source: "GrpcService.EnvoyGrpc.cluster_name",
    check: (model) =>
      isWhole(model)
        ? model.ingresses.flatMap((ingress) => filtersInForce(ingress, "ExtAuthz"))
          .flatMap(({ config, pathOf }): Hit[] => {
            const field = "grpc_service/envoy_grpc/cluster_name";
            const name = valueAt(config, field);
            if (typeof name !== "string" || model.clusters.has(name)) return [];
            return [{ path: pathOf(field), found: `there is no cluster "${name}" to ask` }];
          })
        : [],
  },
];

/** Does every cluster stand in it? */
function isWhole({ root }: LintModel): boolean {
  return root.static_resources !== undefined && root.dynamic_resources === undefined;
}

function unknownClusters(model: LintModel): Hit[] {
  const hits = (places: readonly Placed[], field: string): Hit[] =>
    places.flatMap(({ path, value }): Hit[] => {
      const name = value[field];
      if (typeof name !== "string" || name === "" || model.clusters.has(name)) return [];
      return [{ path: `${path}/${field}`, found: `there is no cluster "${name}"` }];
    });
  const routes = model.ingresses.flatMap((ingress) => ingress.routes)
    .filter(({ parents }) => parents.at(-1)?.value.validate_clusters !== false)
    .flatMap((route) => placedAt(route, "route"));
  return [
    ...hits(routes, "cluster"),
    ...hits(routes.flatMap((route) => placedAt(route, "weighted_clusters/clusters/*")), "name"),
    ...hits(routes.flatMap((route) => placedAt(route, "request_mirror_policies/*")), "cluster"),
    ...hits(model.tcpProxies, "cluster"),
  ];
}

/** Secrets that are asked for by name alone, and are not in the file. */
function unknownSecrets({ root }: LintModel): Hit[] {
  const known = new Set(
    placedAt({ path: "", value: root }, "static_resources/secrets/*").map(({ value }) =>
      value.name
    ),
  );
  const hits: Hit[] = [];
  const walk = (value: Json, path: string, key: string): void => {
    if (typeof value !== "object" || value === null) return;
    if (isObject(value) && key.includes("sds_secret_config") && value.sds_config === undefined) {
      const { name } = value;
      if (typeof name === "string" && !known.has(name)) {
        hits.push({ path: `${path}/name`, found: `there is no secret "${name}"` });
      }
    }
    for (const [inner, child] of Object.entries(value)) {
      walk(
        child ?? null,
        path === "" ? inner : `${path}/${inner}`,
        Array.isArray(value) ? key : inner,
      );
    }
  };
  walk(root, "", "");
  return hits;
}

/** Types that may end a chain without being the router: extensions that decide by themselves. */
const MAY_END = new Set(["Router", "McpRouter", "Wasm", "DynamicModuleFilter", "Config", ""]);

function misplacedRouter(ingress: LintModel["ingresses"][number]): Hit[] {
  const own = ingress.filters.filter(({ conditional }) => !conditional);
  const router = own.findIndex(({ type }) => type === "Router");
  const last = own.at(-1);
  if (router !== -1 && router < own.length - 1) {
    return [{ path: own[router]?.path ?? ingress.path, found: "filters stand behind the router" }];
  }
  if (router !== -1 || last === undefined || MAY_END.has(last.type)) return [];
  return [{ path: last.path, found: `the filter "${last.name}" ends the chain, and is no router` }];
}

/** Extensions without a typed configuration: network filters, HTTP filters, access logs, transport sockets. */
function untyped(holder: Placed): Hit[] {
  const chains = ["filter_chains/*", "default_filter_chain"];
  const networks = chains.flatMap((chain) => placedAt(holder, `${chain}/filters/*`));
  const managers = networks.flatMap((filter) => placedAt(filter, "typed_config"));
  const extensions = [
    ...networks,
    ...managers.flatMap((manager) => placedAt(manager, "http_filters/*")),
    ...managers.flatMap((manager) => placedAt(manager, "access_log/*")),
    ...placedAt(holder, "access_log/*"),
    ...placedAt(holder, "transport_socket"),
    ...chains.flatMap((chain) => placedAt(holder, `${chain}/transport_socket`)),
  ];
  return extensions.filter(({ value }) => isUntyped(value)).map(({ path, value }) => ({
    path,
    found: `"${value.name ?? "?"}" has no typed_config`,
  }));
}

function isUntyped(value: JsonObject): boolean {
  const { typed_config: config } = value;
  return value.config_discovery === undefined && value.config === undefined &&
    (config === undefined || isObject(config) && Object.keys(config).length === 0);
}

/** Names where Envoy resolves none: of listeners, and of clusters with fixed endpoints. */
function names(model: LintModel): Hit[] {
  const clusters = [...model.clusters.values()]
    .filter(({ value }) =>
      (value.type ?? "STATIC") === "STATIC" && value.cluster_type === undefined
    )
    .flatMap((cluster) =>
      placedAt(
        cluster,
        "load_assignment/endpoints/*/lb_endpoints/*/endpoint/address/socket_address",
      )
    );
  const listeners = model.listeners.flatMap((listener) => [
    ...placedAt(listener, "address/socket_address"),
    ...placedAt(listener, "additional_addresses/*/address/socket_address"),
  ]);
  return [...listeners, ...clusters].flatMap(({ path, value }): Hit[] => {
    const { address } = value;
    if (typeof address !== "string" || value.resolver_name !== undefined || isAddress(address)) {
      return [];
    }
    return [{ path: `${path}/address`, found: `"${address}" is no IP address` }];
  });
}

/** Listeners that listen nowhere. */
function unaddressed(model: LintModel): Hit[] {
  return model.listeners.filter(({ value }) =>
    value.address === undefined && value.api_listener === undefined &&
    value.internal_listener === undefined && model.root.static_resources !== undefined
  ).map(({ path, value }) => ({
    path,
    found: `the listener "${value.name ?? ""}" has no address`,
  }));
}

/** IPv4 in dots, or IPv6, which may name its interface. */
function isAddress(text: string): boolean {
  return isIP(text.replace(/%.*$/, "")) !== 0;
}
