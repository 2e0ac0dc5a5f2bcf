/** HTTP filters of a chain: wrapped ones, those behind matchers, and those that routes bring. */
import { endsOf } from "./matchers.ts";
import { type Placed, placedAt, typeName } from "./placed.ts";
import type { Route } from "./routes.ts";
import { isObject, type JsonObject } from "./tree.ts";

/** One HTTP filter, in the order of the chain. */
export interface HttpFilter extends Placed {
  /** The name in the chain; settings per route go by it. */
  readonly name: string;
  /** Last part of its type, such as `ExtAuthz`; empty when it has no configuration. */
  readonly type: string;
  readonly config: JsonObject;
  readonly configPath: string;
  /** The chain has it switched off: a route can switch it on. */
  readonly disabled: boolean;
  /** A matcher decides per request whether it runs. */
  readonly conditional: boolean;
  /** A matcher can skip it, and a route can bring a matcher of its own. */
  readonly skippable?: boolean;
  /** Name of the filter chain filter that it stands in, which a route can switch off. */
  readonly within?: string;
  /** The setting of a route that brings it; it runs there alone. */
  readonly broughtBy?: Placed;
}

/** A chain's filters, and what could not be looked at, one sentence each. */
export interface Chain {
  readonly filters: readonly HttpFilter[];
  readonly unread: readonly string[];
}

/** Filters that are known by name only: their configuration comes by ECDS. */
export type DiscoveredFilters = ReadonlyMap<string, Placed>;

/** Reads the filters at `pattern`: those behind matchers, in composites and in nested chains too. */
export function chainOf(holder: Placed, pattern: string, discovered: DiscoveredFilters): Chain {
  const unread: string[] = [];
  const filters = placedAt(holder, pattern).flatMap((entry) =>
    filtersOf(entry, { name: String(entry.value.name ?? ""), conditional: false }, {
      discovered,
      unread,
      disabled: entry.value.disabled === true,
    })
  );
  return { filters, unread };
}

interface Reading {
  readonly discovered: DiscoveredFilters;
  readonly unread: string[];
  readonly disabled: boolean;
}

function filtersOf(
  entry: Placed,
  { name, conditional }: { name: string; conditional: boolean },
  reading: Reading,
): HttpFilter[] {
  const { discovered, unread, disabled } = reading;
  const place = configOf(entry, name, discovered, unread);
  const made = (config: Placed, more: { conditional?: boolean } = {}): HttpFilter => ({
    ...entry,
    name,
    type: typeName(config.value),
    config: config.value,
    configPath: config.path,
    disabled,
    conditional: more.conditional ?? conditional,
  });
  const type = typeName(place.value);
  if (type === "ExtensionWithMatcher") {
    const matchers = [...placedAt(place, "xds_matcher"), ...placedAt(place, "matcher")];
    const inner = placedAt(place, "extension_config/typed_config")[0] ??
      { path: `${place.path}/extension_config`, value: {} };
    const skips = matchers.some((matcher) => skipsOf(matcher) !== "never");
    return [
      { ...made(inner, { conditional: conditional || skips }), skippable: true },
      ...matchers.flatMap((matcher) =>
        executed(matcher, { name, conditional, chains: inner }, reading)
      ),
    ];
  }
  if (type === "Composite") {
    return [
      made(place),
      ...placedAt(place, "matcher").flatMap((matcher) =>
        executed(matcher, { name, conditional, chains: place }, reading)
      ),
    ];
  }
  if (type === "FilterChainConfig") {
    return nestedOf(place, { pattern: "default_filter_chain/filters/*", name }, reading);
  }
  return [made(place)];
}

/** Filters that stand in a filter chain filter. */
function nestedOf(
  place: Placed,
  { pattern, name }: { pattern: string; name: string },
  reading: Reading,
): HttpFilter[] {
  return placedAt(place, pattern).flatMap((nested) =>
    filtersOf(nested, { name: String(nested.value.name ?? ""), conditional: false }, reading)
  ).map((filter) => ({ ...filter, within: name }));
}

/** Filters that settings of routes put into the filter chain filters of a connection manager. */
export function broughtByRoutes(manager: Placed, routes: readonly Route[]): HttpFilter[] {
  const names = placedAt(manager, "http_filters/*")
    .filter(({ value }) => typeName(value.typed_config) === "FilterChainConfig")
    .map(({ value }) => String(value.name ?? ""));
  if (names.length === 0) return [];
  const levels = new Map(
    routes.flatMap((route) => route.levels).map((level) => [level.path, level]),
  );
  const reading: Reading = { discovered: new Map(), unread: [], disabled: false };
  return [...levels.values()].flatMap((level) =>
    names.flatMap((name) =>
      placedAt(level, `typed_per_filter_config/${name}`).flatMap((setting) =>
        nestedOf(setting, { pattern: "filter_chain/filters/*", name }, reading)
          .map((filter) => ({ ...filter, broughtBy: setting }))
      )
    )
  );
}

/** Does a matcher keep requests from its filter? */
export function skipsOf(matcher: Placed): "always" | "sometimes" | "never" {
  const skips = endsOf(matcher).map((action) => typeName(action?.value) === "SkipFilter");
  return skips.every(Boolean) ? "always" : skips.some(Boolean) ? "sometimes" : "never";
}

function configOf(
  entry: Placed,
  name: string,
  discovered: DiscoveredFilters,
  unread: string[],
): Placed {
  const path = `${entry.path}/typed_config`;
  if (isObject(entry.value.typed_config)) return { path, value: entry.value.typed_config };
  if (!isObject(entry.value.config_discovery)) return { path, value: {} };
  const dumped = discovered.get(name);
  if (dumped !== undefined) return dumped;
  const [fallback] = placedAt(entry, "config_discovery/default_config");
  unread.push(
    `The filter "${name}" comes by ECDS and is not in this file: ${
      fallback === undefined ? "it is not looked at" : "only its default_config is looked at"
    }; lint the admin's /config_dump`,
  );
  return fallback ?? { path: `${entry.path}/config_discovery`, value: {} };
}

/**
 * Filters that a matcher's actions put into the chain. Where each end of it runs one of a type, that type runs on every
 * request, by one filter or another.
 */
function executed(
  matcher: Placed,
  { name, conditional, chains }: { name: string; conditional: boolean; chains: Placed },
  reading: Reading,
): HttpFilter[] {
  const ends = endsOf(matcher).map((action) =>
    action === undefined ? [] : executedBy(action, { name, chains }, reading)
  );
  return ends.flat().map((filter) => ({
    ...filter,
    conditional: conditional ||
      !ends.every((end) =>
        end.some(({ type, conditional }) => type === filter.type && !conditional)
      ),
  }));
}

/** `chains` is the composite's configuration: an action can name one of its chains. */
function executedBy(
  action: Placed,
  { name, chains }: { name: string; chains: Placed },
  reading: Reading,
): HttpFilter[] {
  if (typeName(action.value) !== "ExecuteFilterAction") return [];
  if (isObject(action.value.dynamic_config)) {
    reading.unread.push(
      `A filter of the composite "${name}" comes by ECDS and is not in this file: it is not looked at`,
    );
  }
  const conditional = action.value.sample_percent !== undefined;
  return [
    ...placedAt(action, "typed_config"),
    ...placedAt(action, "filter_chain/typed_config/*"),
    ...placedAt(chains, `named_filter_chains/${action.value.filter_chain_name}/typed_config/*`),
  ].flatMap((extension) => filtersOf(extension, { name, conditional }, reading));
}
