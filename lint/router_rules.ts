/** A model router behind ext_proc: its routes and Envoy's must agree. */
import {
  filterOf,
  filterOnRoute,
  type HttpFilter,
  type Ingress,
  type LintModel,
  type ModelRoute,
  type Route,
  valueAt,
} from "../envoy/mod.ts";
import type { Hit, LintRule } from "./rule.ts";

/** A model router behind ext_proc: its routes and Envoy's must agree. Looked at with `routes.json` only. */
export const ROUTER_RULES: readonly LintRule[] = [
  {
    id: "router.route-name",
    severity: "warning",
    why:
      "the same path has one name in Envoy's log and statistics and another in the router's, and nobody can join them",
    fix: "give the route in Envoy the `name` that routes.json has for its path",
    source: "Route.name",
    check: (model) =>
      throughRouter(model).flatMap(({ route }) => misnamed(route, model.modelRoutes ?? [])),
  },
  {
    id: "router.route-unreached",
    severity: "error",
    why:
      "requests for these models never reach the router: 404, or a model server that nobody chose",
    fix: "add a route for the path prefix, and do not disable ext_proc on it",
    source: "RouteMatch, ExtProcPerRoute.disabled",
    check: (model) =>
      model.ingresses.filter((ingress) => !ingress.routesMissing && processorOf(ingress))
        .flatMap((ingress) => unreached(ingress, model)),
  },
];

/** Every forwarding route that ext_proc sees. */
function throughRouter(model: LintModel): { ingress: Ingress; route: Route }[] {
  return model.ingresses.flatMap((ingress) => {
    const processor = processorOf(ingress);
    if (processor === undefined) return [];
    return ingress.routes
      .filter((route) => route.forwards && filterOnRoute(processor, route).state !== "off")
      .map((route) => ({ ingress, route }));
  });
}

function processorOf(ingress: Ingress): HttpFilter | undefined {
  return filterOf(ingress, "ExternalProcessor");
}

/** A route that stands for one path of routes.json must bear its name; one for all of them need not. */
function misnamed(route: Route, modelRoutes: readonly ModelRoute[]): Hit[] {
  const path = withoutSlash(route.match);
  const name = typeof route.value.name === "string" ? route.value.name : undefined;
  const here = modelRoutes.filter(({ pathPrefix }) => withoutSlash(pathPrefix) === path);
  const meant = modelRoutes.filter((one) => one.name === name);
  const field = `${route.path}/name`;
  if (here.length > 0 && !here.some((one) => one.name === name)) {
    const names = here.map((one) => `"${one.name}"`).join(" or ");
    const own = name === undefined ? "has no name" : `is named "${name}"`;
    return [{ path: field, found: `route ${route.match} ${own}, and in routes.json ${names}` }];
  }
  if (here.length === 0 && meant.length > 0) {
    const prefixes = meant.map(({ pathPrefix }) => pathPrefix).join(" and ");
    return [{
      path: field,
      found: `route "${name}" matches ${route.match}, and in routes.json ${prefixes}`,
    }];
  }
  return [];
}

function unreached(ingress: Ingress, model: LintModel): Hit[] {
  const seen = throughRouter(model).filter((one) => one.ingress === ingress);
  return (model.modelRoutes ?? [])
    .filter(({ pathPrefix }) => !reaches(ingress, seen.map(({ route }) => route), pathPrefix))
    .map(({ name, pathPrefix }) => ({
      path: `${ingress.path}/route_config`,
      found: `no route leads ${pathPrefix} ("${name}" of routes.json) through ext_proc`,
    }));
}

/** Envoy takes the first route that matches; one by regular expression is taken to. */
function reaches({ routes }: Ingress, seen: readonly Route[], prefix: string): boolean {
  const path = withoutSlash(prefix);
  const first = routes.find(({ match, value }) =>
    valueAt(value, "match/safe_regex") !== undefined || prefix.startsWith(match)
  );
  if (first !== undefined) return seen.includes(first);
  return seen.some(({ match }) => match.startsWith(path));
}

function withoutSlash(path: string): string {
  return path.replace(/\/$/, "");
}
