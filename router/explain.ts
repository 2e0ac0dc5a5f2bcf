/** Why a request takes the route that it takes, for people. */
import { MAX_BODY_BYTES } from "./decision.ts";
import { readBody } from "./body/request_model.ts";
import { type Checked, checkedConditions, factsOf, type RequestFacts } from "./conditions.ts";
import { routesForPath, type RouteTable } from "./route_table.ts";

/** One route that was looked at. */
export interface LookedAt {
  readonly name: string;
  readonly conditions: readonly Checked[];
  /** Whether all conditions hold; the first route of which they do is taken. */
  readonly holds: boolean;
}

/** Outcome for a request, and why. */
export interface Explanation {
  readonly model: string;
  readonly path: string;
  /** The routes that cover model, path and tenant, in the order in which they are asked. */
  readonly routes: readonly LookedAt[];
  /** The name of the route that is taken; undefined for none. */
  readonly taken: string | undefined;
  /** Models that backends may be asked for, by weight. */
  readonly targets: readonly { readonly model: string; readonly weight: number }[];
  readonly facts: Omit<RequestFacts, "has"> & { readonly has: readonly string[] };
  /** Why there is none. */
  readonly problem?: string;
}

/**
 * Explains which route a JSON request takes. `loadPatterns()` comes before where a route has a `regex`.
 */
export function explainRoute(
  table: RouteTable,
  { body, path, tenant }: {
    readonly body: Uint8Array;
    readonly path: string;
    readonly tenant?: string | undefined;
  },
): Explanation {
  const read = readBody({ bytes: body, contentType: "application/json" }, MAX_BODY_BYTES);
  const facts = factsOf(read.kind === "read" ? read.whole() : {});
  const shown = { ...facts, has: [...facts.has] };
  const base = { path, taken: undefined, targets: [], routes: [], facts: shown };
  if (read.kind === "unread") return { ...base, model: "", problem: read.message };
  const routes = routesForPath(table.routesOf(read.model, tenant), path);
  const looked = routes.map(({ name, when }): LookedAt => {
    const conditions = when === undefined ? [] : checkedConditions(when, facts);
    return { name, conditions, holds: conditions.every((one) => one.holds) };
  });
  const at = looked.findIndex((one) => one.holds);
  const taken = routes[at];
  return {
    ...base,
    model: read.model,
    routes: looked,
    taken: taken?.name,
    targets: (taken?.targets ?? []).map(({ model, weight }) => ({ model, weight })),
    ...(taken === undefined && {
      problem: routes.length === 0
        ? `No route has the model "${read.model}" on ${path}`
        : "The conditions of no route hold",
    }),
  };
}
