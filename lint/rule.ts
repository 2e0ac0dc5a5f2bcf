/** The form of a rule, and what several rules ask of the model. */
import {
  filterOf,
  type FilterOnRoute,
  filterOnRoute,
  filtersInForce,
  type Ingress,
  type Json,
  type LintModel,
  objectsAt,
  type Route,
  valueAt,
} from "../envoy/mod.ts";

/** `error`: a MUST case of the suite fails with it. `warning`: a SHOULD, or a door left ajar. */
export type Severity = "error" | "warning";

/** One place where a rule is broken. */
export interface Hit {
  /** The field, or the nearest one above it when the field is missing. */
  readonly path: string;
  /** The fault, in one sentence without a full stop. */
  readonly found: string;
  /** The case that shows this one, where it is not the rule's; `null` when none does. */
  readonly case?: string | null;
}

/** One thing that can be wrong with an Envoy configuration for LLM traffic. */
export interface LintRule {
  /** Stable: `group.name`. */
  readonly id: string;
  readonly severity: Severity;
  /** The consequence, and who suffers it. */
  readonly why: string;
  /** The remedy. */
  readonly fix: string;
  /** The conformance case that shows it on a running gateway; absent when nothing outside would. */
  readonly case?: string;
  /** Other cases that it can turn red. */
  readonly also?: readonly string[];
  /** Where Envoy's documentation says so: a field or a page. */
  readonly source: string;
  readonly check: (model: LintModel) => Hit[];
}

/** Every route that forwards to what clients come for, with its way in. */
export function forwarding(model: LintModel): { ingress: Ingress; route: Route }[] {
  return model.ingresses.flatMap((ingress) =>
    ingress.routes.filter(({ forwards }) => forwards).filter((route) => !isProbe(route, model))
      .map((route) => ({ ingress, route }))
  );
}

/** Ways in by which clients are served; others redirect, answer by themselves, or are for probes. */
export function serving(model: LintModel): Ingress[] {
  return model.ingresses.filter(({ routes, routesMissing }) =>
    routesMissing || routes.some((route) => route.forwards && !isProbe(route, model))
  );
}

/** Paths under which servers tell how they are: Kubernetes, gRPC gateways, model servers, Envoy Gateway, Istio. */
const PROBES = new Set([
  ...["/health", "/healthz", "/livez", "/readyz", "/ready", "/healthz/ready"],
  ...["/stats/prometheus", "/metrics"],
]);

/** Paths that read only as they are, and have more below them. */
const PROBES_ALONE = new Set(["/stats"]);

/** Clusters that other paths lead to, worked out once for a model. */
const SERVED = new WeakMap<LintModel, ReadonlySet<string>>();

/**
 * A probe is a path of its own that reads only, or leads to what no other path leads to: no request to a model fits
 * through it.
 */
export function isProbe(route: Route, model: LintModel): boolean {
  if (!isProbePath(route)) return false;
  const { value, clusters } = route;
  if (valueAt(value, "match/path") !== undefined && readsOnly(valueAt(value, "match"))) return true;
  let served = SERVED.get(model);
  if (served === undefined) {
    const routes = model.ingresses.flatMap(({ routes }) => routes);
    served = new Set(
      routes.filter((one) => !isProbePath(one)).flatMap(({ clusters }) => clusters),
    );
    SERVED.set(model, served);
  }
  return clusters.length > 0 && clusters.every((name) => !served.has(name));
}

/** Does a match take GET or HEAD alone? */
function readsOnly(match: Json | undefined): boolean {
  return objectsAt(match ?? null, "headers/*").some((header) =>
    header.name === ":method" && header.invert_match !== true &&
    /^(GET|HEAD)$/.test(String(valueAt(header, "string_match/exact") ?? header.exact_match))
  );
}

/** Does a route match the path of a probe, or what begins with it? */
export function isProbePath({ value }: Route): boolean {
  const path = String(valueAt(value, "match/path"));
  return PROBES_ALONE.has(path) || PROBES.has(path) ||
    ["prefix", "path_separated_prefix"].some((kind) =>
      PROBES.has(String(valueAt(value, `match/${kind}`)))
    );
}

/** Every filter as it acts on some route, or those of one type; those of clusters and of the router's own chain too. */
export function filters(model: LintModel, type?: string): FilterOnRoute[] {
  const upstream = model.upstreamFilters
    .filter((filter) => !filter.disabled && (type === undefined || filter.type === type))
    .map((filter): FilterOnRoute => ({
      filter,
      state: filter.conditional ? "sometimes" : "on",
      config: filter.config,
      by: undefined,
      pathOf: (field) => field === "" ? filter.configPath : `${filter.configPath}/${field}`,
    }));
  const chains = model.ingresses.flatMap((ingress) => [
    ingress,
    ...ingress.upgrades.map((upgrade) => upgrade.ingress),
  ]);
  return [...chains.flatMap((ingress) => filtersInForce(ingress, type)), ...upstream];
}

/** Is policy asked on some route of this way in? */
export function hasPolicy(ingress: Ingress): boolean {
  return filterOf(ingress, "ExtAuthz") !== undefined;
}

/** Is policy asked about every request of a route, by one filter or another? */
export function asksPolicy(ingress: Ingress, route: Route): boolean {
  return ingress.filters.some((filter) =>
    filter.type === "ExtAuthz" && filterOnRoute(filter, route).state === "on"
  );
}

/** Returns each hit once: what several routes share is looked at for each of them. */
export function unique(hits: readonly Hit[]): Hit[] {
  return [...new Map(hits.map((hit) => [`${hit.path} ${hit.found}`, hit])).values()];
}

/** One thing that is wrong, at one place. */
export interface Finding {
  readonly id: string;
  readonly severity: Severity;
  /** Line of the field, or of the nearest one above it; absent for a running Envoy. */
  readonly line?: number;
  /** Column of the same, from 1. */
  readonly column?: number;
  /** Keys and indices joined by slashes, as they are written. */
  readonly path: string;
  readonly found: string;
  readonly why: string;
  readonly fix: string;
  /** The conformance case that shows it on a running gateway. */
  readonly case?: string;
  readonly source: string;
}
