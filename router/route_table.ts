/** `routes.json`: which model is served on which paths. */
import { type DataFileKind, type Finding, parseData } from "../data_files/mod.ts";
import { compilePattern } from "../patterns/mod.ts";
import { messageOf } from "../service/mod.ts";
import type { When } from "./conditions.ts";
import { millisecondsOf, type RouteEntry, ROUTES_SCHEMA } from "./route_schema.ts";

/** Where requests of a route go: a model, and the hosts that may take it. */
export interface Target {
  /** Model that the backend is asked for. */
  readonly model: string;
  /** Only these of the discovered hosts; every one that serves the model when undefined. */
  readonly hosts: ReadonlySet<string> | undefined;
  /** Share of the route's requests among its targets. */
  readonly weight: number;
}

/** One entry of `routes.json`. */
export interface Route {
  readonly name: string;
  readonly model: string;
  /** Whole path segments: `/v1/chat` covers `/v1/chat/completions`, not `/v1/chats`. */
  readonly path_prefix: string;
  /** Other names that clients may use. */
  readonly aliases: readonly string[];
  /** At least one, and one with a weight. */
  readonly targets: readonly Target[];
  /** Taken in this order while no host of the targets is healthy. */
  readonly fallbacks: readonly Target[];
  /** Milliseconds until the answer must have begun. */
  readonly timeoutMs: number | undefined;
  /** Milliseconds that the whole answer may take, a stream included. */
  readonly totalTimeoutMs: number | undefined;
  /** Tenants that may use it; undefined for everybody. */
  readonly tenants: ReadonlySet<string> | undefined;
  /** Conditions on the request; undefined for every one. */
  readonly when: When | undefined;
}

/** The routes of the model router. */
export const ROUTES_FILE: DataFileKind<typeof ROUTES_SCHEMA> = {
  what: "routes",
  name: "routes.json",
  docs: "docs/router.md",
  schema: ROUTES_SCHEMA,
  check: repeated,
};

/**
 * Reads `routes.json`.
 *
 * @throws {UsageError} with file, line, column and what was expected, one line per finding
 */
export function parseRoutes(text: string, file: string): RouteTable {
  return new RouteTable(parseData(ROUTES_FILE, text, file).map(routeOf));
}

/** The routes in force. */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #byModel: ReadonlyMap<string, readonly Route[]>;

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    const named = routes.flatMap((route) => namesOf(route).map((name) => ({ name, route })));
    this.#byModel = new Map(
      [...Map.groupBy(named, ({ name }) => name)]
        .map(([name, entries]) => [name, entries.map(({ route }) => route)]),
    );
  }

  /** Every model and alias that a tenant may use, in the order of the file, each once. */
  modelsFor(tenant: string | undefined): string[] {
    return [...this.#byModel.keys()].filter((model) => this.routesOf(model, tenant).length > 0);
  }

  /** Every model and alias, in the order of the file, each once. */
  get models(): string[] {
    return [...this.#byModel.keys()];
  }

  /** Routes of a model, or of an alias, that a tenant may use; none when it is unknown to them. */
  routesOf(model: string, tenant: string | undefined): readonly Route[] {
    const routes = this.#byModel.get(model) ?? [];
    return routes.filter(({ tenants }) => tenants?.has(tenant ?? "") ?? true);
  }
}

/** Returns the route with the longest prefix that covers the path (without query). */
export function routeForPath(routes: readonly Route[], path: string): Route | undefined {
  return routesForPath(routes, path)[0];
}

/**
 * Returns the routes that cover a path (without query), in the order in which they are asked: the longest prefix first, of
 * equal ones those with conditions before the one without, each in the order of the file.
 */
export function routesForPath(routes: readonly Route[], path: string): Route[] {
  return routes.filter(({ path_prefix: prefix }) => covers(prefix, path))
    .sort((a, b) =>
      b.path_prefix.length - a.path_prefix.length ||
      Number(a.when === undefined) - Number(b.when === undefined)
    );
}

function namesOf({ model, aliases }: Pick<Route, "model" | "aliases">): string[] {
  return [model, ...aliases];
}

type GivenTarget = Partial<NonNullable<RouteEntry["targets"]>[number]>;

function routeOf(entry: RouteEntry): Route {
  const target = (given: GivenTarget): Target => ({
    model: given.model ?? entry.model,
    hosts: given.hosts && new Set(given.hosts),
    weight: given.weight ?? 1,
  });
  const limit = (text: string | undefined) => text === undefined ? text : millisecondsOf(text);
  const only: GivenTarget = { model: entry.rewrite_model };
  return {
    name: entry.name,
    model: entry.model,
    path_prefix: entry.path_prefix,
    aliases: entry.aliases ?? [],
    targets: (entry.targets ?? [only]).map(target),
    fallbacks: (entry.fallbacks ?? []).map(target),
    timeoutMs: limit(entry.timeout),
    totalTimeoutMs: limit(entry.total_timeout),
    tenants: entry.tenants && new Set(entry.tenants),
    when: entry.when,
  };
}

function covers(prefix: string, path: string): boolean {
  if (!path.startsWith(prefix)) return false;
  return prefix.endsWith("/") || path.length === prefix.length || path[prefix.length] === "/";
}

/** Names are what logs and metrics say, so each is one route; so is each model with a prefix. */
function repeated(routes: readonly RouteEntry[]): Finding[] {
  const names = new Set<string>();
  const places = new Set<string>();
  /** Occupies a place; false when it was occupied before. */
  const takes = (model: string, prefix: string) => {
    const before = places.size;
    return places.add(JSON.stringify([model, prefix])).size > before;
  };
  return routes.flatMap(({ name, model, path_prefix: prefix, aliases = [], when }, index) => {
    const found: Finding[] = unreadable(when, index);
    if (names.has(name)) {
      found.push({ path: [index, "name"], message: `Expected a name of its own: "${name}"` });
    }
    names.add(name);
    // Routes with conditions may stand beside each other, and beside the one without.
    if (when !== undefined) return found;
    if (!takes(model, prefix)) {
      const message = `Expected one route only for "${model}" on "${prefix}"`;
      found.push({ path: [index, "path_prefix"], message });
    }
    aliases.forEach((alias, place) => {
      if (takes(alias, prefix)) return;
      const message = `Expected one route only for "${alias}" on "${prefix}"`;
      found.push({ path: [index, "aliases", place], message });
    });
    return found;
  });
}

/** A pattern that cannot be compiled; one that needs the engine is looked at when that is loaded. */
function unreadable(when: RouteEntry["when"], index: number): Finding[] {
  if (when?.prompt === undefined) return [];
  try {
    compilePattern(when.prompt.regex, { flags: "is" });
    return [];
  } catch (error) {
    if (error instanceof TypeError) return [];
    return [{
      path: [index, "when", "prompt", "regex"],
      message: `Expected a regular expression: ${messageOf(error)}`,
    }];
  }
}
