/** The form of a rule, and what several rules ask of the model. */
import {
  filterOf,
  type FilterOnRoute,
  filterOnRoute,
  filtersInForce,
  type Ingress,
  type LintModel,
  type Route,
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

/** Every route that forwards, with its way in. */
export function forwarding(model: LintModel): { ingress: Ingress; route: Route }[] {
  return model.ingresses.flatMap((ingress) =>
    ingress.routes.filter(({ forwards }) => forwards).map((route) => ({ ingress, route }))
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
  return [...model.ingresses.flatMap((ingress) => filtersInForce(ingress, type)), ...upstream];
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
