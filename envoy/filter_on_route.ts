/** A filter as it acts on a route: switched on or off, and with the settings that are in force there. */
import { type HttpFilter, skipsOf } from "./filters.ts";
import { type Placed, placedAt, typeName } from "./placed.ts";
import type { Route } from "./routes.ts";
import { isObject, type Json, type JsonObject, valueAt } from "./tree.ts";

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

/** Reads what a filter does on a route: the route's settings, looked up by the filter's own name. */
export function filterOnRoute(filter: HttpFilter, route: Route): FilterOnRoute {
  const found = settingsFor(filter.name, route);
  // Whether it runs is said by the nearest level that speaks of it, how by the nearest that has settings.
  const [nearest] = found;
  const settings = found.find(({ config }) =>
    config !== undefined && Object.keys(config).length > 0
  );
  const applied = settings?.config === undefined
    ? { config: filter.config, fields: {} }
    : withSettings(filter, settings.config, settings.at);
  // Whatever holds it can be switched off, too.
  const holder = filter.within === undefined ? [] : settingsFor(filter.within, route);
  const by = holder[0]?.off ? holder[0] : nearest;
  return {
    filter,
    state: holder[0]?.off ? "off" : stateOf(filter, found, holder),
    config: applied.config,
    by: by === undefined ? undefined : { path: by.path, value: by.config ?? {} },
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

/** Override that one level of a route has under a filter's name. */
interface Setting {
  readonly path: string;
  readonly off: boolean;
  readonly config: JsonObject | undefined;
  /** Where `config` stands. */
  readonly at: string;
}

function settingsFor(name: string, route: Route): Setting[] {
  return route.levels.flatMap((level): Setting[] => {
    const own = isObject(level.value.typed_per_filter_config)
      ? level.value.typed_per_filter_config[name]
      : undefined;
    if (!isObject(own)) return [];
    const path = `${level.path}/typed_per_filter_config/${name}`;
    if (typeName(own) !== "FilterConfig") {
      return [{ path, off: own.disabled === true, config: own, at: path }];
    }
    const config = isObject(own.config) ? own.config : undefined;
    return [{ path, off: own.disabled === true, config, at: `${path}/config` }];
  });
}

function stateOf(
  filter: HttpFilter,
  found: readonly Setting[],
  holder: readonly Setting[],
): FilterOnRoute["state"] {
  if (filter.broughtBy !== undefined) {
    // The nearest level's chain is the one that runs.
    const brings = holder.find(({ config }) => config !== undefined);
    if (brings?.at !== filter.broughtBy.path) return "off";
  }
  const [nearest] = found;
  const settings = found.find(({ config }) =>
    config !== undefined && Object.keys(config).length > 0
  );
  const off = nearest === undefined
    ? filter.disabled
    : nearest.off || settings?.config?.disabled === true;
  if (off) return "off";
  const own = settings?.config === undefined
    ? undefined
    : placedAt({ path: settings.at, value: settings.config }, "xds_matcher")[0];
  if (filter.skippable && own !== undefined) {
    return ({ always: "off", sometimes: "sometimes", never: "on" } as const)[skipsOf(own)];
  }
  return filter.conditional ? "sometimes" : "on";
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
  AwsRequestSigning: { use_unsigned_payload: "aws_request_signing/use_unsigned_payload" },
};

/** Types of the settings that Envoy takes for a filter, where they are known. */
const SETTINGS: Readonly<Record<string, string>> = {
  AwsRequestSigning: "AwsRequestSigningPerRoute",
  Buffer: "BufferPerRoute",
  Compressor: "CompressorPerRoute",
  Cors: "CorsPolicy",
  CsrfPolicy: "CsrfPolicy",
  ExtAuthz: "ExtAuthzPerRoute",
  ExternalProcessor: "ExtProcPerRoute",
  HTTPFault: "HTTPFault",
  HeaderMutation: "HeaderMutationPerRoute",
  JwtAuthentication: "PerRouteConfig",
  LocalRateLimit: "LocalRateLimit",
  Lua: "LuaPerRoute",
  RateLimit: "RateLimitPerRoute",
  RBAC: "RBACPerRoute",
};

/** Returns settings of a type that Envoy does not take for the filter, at any level of a route. */
export function mistypedSettings(
  filter: HttpFilter,
  route: Route,
): (Placed & { wanted: string })[] {
  const wanted = SETTINGS[filter.type];
  if (wanted === undefined) return [];
  return settingsFor(filter.name, route).flatMap(({ config, at }) => {
    if (config === undefined || Object.keys(config).length === 0) return [];
    const fits = [wanted, "ExtensionWithMatcherPerRoute"].includes(typeName(config));
    return fits ? [] : [{ path: at, value: config, wanted }];
  });
}

/** Applies a route's settings; those of a type that has none of its own replace the whole. */
function withSettings({ type, config }: HttpFilter, own: JsonObject, path: string): Applied {
  if (typeName(own) === type && (SETTINGS[type] ?? type) === type) {
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
