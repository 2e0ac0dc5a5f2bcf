/** Listeners in a row: one that leads to another one of the same file. */
import { filterOf, type Ingress, type LintModel } from "./model.ts";
import { placedAt } from "./placed.ts";
import type { Route } from "./routes.ts";
import { type Json, type JsonObject, valueAt } from "./tree.ts";

/** Returns the ways in, further on, that each request of a route passes; none when it may end elsewhere. */
export function waysOn({ clusters }: Route, model: LintModel): Ingress[] {
  const found = clusters.map((name) => {
    const endpoints = placedAt(
      model.clusters.get(name) ?? { path: "", value: {} },
      "load_assignment/endpoints/*/lb_endpoints/*/endpoint",
    );
    return endpoints.map(({ value }) => {
      const listener = model.listeners.find((one) => isAt(one.value, value.address));
      return model.ingresses.filter(({ listenerPlace }) => listenerPlace === listener);
    });
  });
  const isWhole = found.length > 0 &&
    found.every((endpoints) => endpoints.length > 0 && endpoints.every(({ length }) => length > 0));
  return isWhole ? [...new Set(found.flat(2))] : [];
}

/** Tells whether policy is asked about every request of a route further on, by listeners of the same file. */
export function isAskedLater(route: Route, model: LintModel): boolean {
  const ways = waysOn(route, model);
  return ways.length > 0 && ways.every((way) => filterOf(way, "ExtAuthz") !== undefined);
}

/** Does a listener of this machine listen at an endpoint's address? */
function isAt(listener: JsonObject, address: Json | undefined): boolean {
  const inner = valueAt(address, "envoy_internal_address/server_listener_name");
  if (inner !== undefined) return inner === listener.name;
  const pipe = valueAt(address, "pipe/path");
  if (pipe !== undefined) return pipe === valueAt(listener, "address/pipe/path");
  const port = valueAt(address, "socket_address/port_value");
  const host = String(valueAt(address, "socket_address/address"));
  return port !== undefined && /^(127\.|::1$|localhost$)/.test(host) &&
    port === valueAt(listener, "address/socket_address/port_value");
}
