/** HTTP filters: those of a chain, wrapped ones included, and what is in force on a route. */
import { messagesWithin, type Placed, placedAt, typeName } from "./placed.ts";
import type { Route } from "./routes.ts";
import { isObject, type Json, type JsonObject, valueAt } from "./tree.ts";

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
}

/** A filter as it acts on a route. */
export interface FilterOnRoute {
  readonly filter: HttpFilter;
  readonly state: "on" | "off" | "sometimes";
  /** With the route's own settings applied. */
  readonly config: JsonObject;
  /** Where what says so stands: the filter, or the setting of a route, virtual host or table. */
  readonly by: Placed | undefined;
  /** Where a field of `config` stands. */
  pathOf(field: string): string;
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
    const skips = matchers.some((matcher) => messagesWithin(matcher, ["SkipFilter"]).length > 0);
    return [
      made(inner, { conditional: conditional || skips }),
      ...matchers.flatMap((matcher) => executed(matcher, name, reading)),
    ];
  }
  if (type === "Composite") {
    return [
      made(place),
      ...placedAt(place, "matcher").flatMap((matcher) => executed(matcher, name, reading)),
    ];
  }
  if (type === "FilterChainConfig") {
    return placedAt(place, "default_filter_chain/filters/*").flatMap((nested) =>
      filtersOf(nested, { name: String(nested.value.name ?? ""), conditional }, reading)
    );
  }
  return [made(place)];
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

/** Filters that a matcher's actions put into the chain. */
function executed(matcher: Placed, name: string, reading: Reading): HttpFilter[] {
  return messagesWithin(matcher, ["ExecuteFilterAction"]).flatMap((action) => {
    if (isObject(action.value.dynamic_config)) {
      reading.unread.push(
        `A filter of the composite "${name}" comes by ECDS and is not in this file: it is not looked at`,
      );
    }
    return [...placedAt(action, "typed_config"), ...placedAt(action, "filter_chain/typed_config/*")]
      .flatMap((extension) => filtersOf(extension, { name, conditional: true }, reading));
  });
}

/** Reads what a filter does on a route: the route's settings, looked up by the filter's own name. */
export function filterOnRoute(filter: HttpFilter, route: Route): FilterOnRoute {
  const found = route.levels.flatMap((level) => {
    const own = isObject(level.value.typed_per_filter_config)
      ? level.value.typed_per_filter_config[filter.name]
      : undefined;
    if (!isObject(own)) return [];
    const path = `${level.path}/typed_per_filter_config/${filter.name}`;
    if (typeName(own) !== "FilterConfig") {
      return [{ path, off: own.disabled === true, config: own, at: path }];
    }
    const config = isObject(own.config) ? own.config : undefined;
    return [{ path, off: own.disabled === true, config, at: `${path}/config` }];
  });
  // Whether it runs is said by the nearest level that speaks of it, how by the nearest that has settings.
  const [nearest] = found;
  const settings = found.find(({ config }) =>
    config !== undefined && Object.keys(config).length > 0
  );
  const off = nearest === undefined
    ? filter.disabled
    : nearest.off || settings?.config?.disabled === true;
  const applied = settings?.config === undefined
    ? { config: filter.config, fields: {} }
    : withSettings(filter, settings.config, settings.at);
  return {
    filter,
    state: off ? "off" : filter.conditional ? "sometimes" : "on",
    config: applied.config,
    by: nearest === undefined ? undefined : { path: nearest.path, value: nearest.config ?? {} },
    pathOf: (field) => {
      if (field === "") return filter.configPath;
      const moved = Object.entries(applied.fields)
        .find(([name]) => field === name || field.startsWith(`${name}/`));
      return moved === undefined
        ? `${filter.configPath}/${field}`
        : `${moved[1]}${field.slice(moved[0].length)}`;
    },
  };
}

interface Applied {
  readonly config: JsonObject;
  /** Paths of the fields that settings replaced. */
  readonly fields: Readonly<Record<string, string>>;
}

/** Where a filter's settings per route keep the fields that they replace, by the filter's type. */
const REPLACED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ExtAuthz: {
    with_request_body: "check_settings/with_request_body",
    grpc_service: "check_settings/grpc_service",
    http_service: "check_settings/http_service",
  },
  ExternalProcessor: {
    processing_mode: "overrides/processing_mode",
    grpc_service: "overrides/grpc_service",
    failure_mode_allow: "overrides/failure_mode_allow",
  },
  Buffer: { max_request_bytes: "buffer/max_request_bytes" },
  Lua: { default_source_code: "source_code" },
};

/** Applies a route's settings; those of a type that has none of its own replace the whole. */
function withSettings({ type, config }: HttpFilter, own: JsonObject, path: string): Applied {
  if (typeName(own) === type) {
    const fields = Object.keys(own).map((key) => [key, `${path}/${key}`] as const);
    return { config: own, fields: Object.fromEntries(fields) };
  }
  const applied: JsonObject = { ...config };
  const fields: Record<string, string> = {};
  for (const [field, from] of Object.entries(REPLACED[type] ?? {})) {
    const value: Json | undefined = valueAt(own, from);
    if (value === undefined) continue;
    applied[field] = value;
    fields[field] = `${path}/${from}`;
  }
  if (type === "ExtAuthz") {
    if (valueAt(own, "check_settings/disable_request_body_buffering") === true) {
      delete applied.with_request_body;
    }
    if (fields.grpc_service !== undefined) delete applied.http_service;
    if (fields.http_service !== undefined) delete applied.grpc_service;
  }
  if (type === "Lua" && typeof own.name === "string") {
    const named = valueAt(config, `source_codes/${own.name}`);
    if (named !== undefined) applied.default_source_code = named;
  }
  return { config: applied, fields };
}
