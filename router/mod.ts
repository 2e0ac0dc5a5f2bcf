/**
 * The model router: an ext_proc processor that reads the model from a request's body, checks it
 * against `routes.json`, and names the model server that takes the request.
 *
 * ```ts
 * await using router = await startRouter({
 *   hosts: parseHosts("127.0.0.1:8000,127.0.0.1:8001"),
 *   logic: "round_robin",
 * });
 * // An Envoy with `llmgate envoy config --profile router` reaches it at router.address.
 * ```
 *
 * @module
 */
export { ASSIGNMENT_TYPE, ENDPOINT_KEY } from "./discovery/assignment.ts";
export {
  discoverHosts,
  type DiscoverOptions,
  type KubernetesHosts,
  SERVICE_DISCOVERIES,
  type ServiceDiscovery,
} from "./discovery/discovery.ts";
export { HostList, type HostSource, hostSource } from "./discovery/host_source.ts";
export { startStaticDiscovery, type StaticDiscoveryOptions } from "./discovery/static_discovery.ts";
export {
  HEALTH_LIMITS,
  type HealthLimits,
  HOST_STATES,
  type HostState,
  type Outcome,
} from "./health/health_board.ts";
export type { HealthCheckOptions } from "./health/monitor.ts";
export { type BackendHost, parseHosts } from "./hosts.ts";
export { explainRoute, type Explanation } from "./explain.ts";
export { MAX_BODY_BYTES } from "./decision.ts";
export { DEFAULT_ROUTES } from "./default_routes.ts";
export { parseRoutes, type Route, ROUTES_FILE, RouteTable } from "./route_table.ts";
export { type Router, type RouterOptions, startRouter } from "./router.ts";
export {
  type EngineLoad,
  ROUTING_LOGICS,
  type RoutingLogic,
  type Situation,
  type Strategy,
  strategyOf,
} from "./strategies/strategies.ts";
export {
  type LoadRow,
  readRouterSamples,
  routerLoad,
  type RouterSamples,
} from "./top/router_load.ts";
