/** The places of the bundled Envoy configurations that mutants edit; each throws where the file has none. */
import type { Config } from "./mutant.ts";

const EXTENSION = "type.googleapis.com/envoy.extensions";

/** Returns the one with a name; without it a mutant would edit nothing, or something else. */
function named(list: readonly Config[], name: string): Config {
  const found = list.find((one) => one.name === name);
  if (found === undefined) throw new TypeError(`Cannot find "${name}" in the configuration`);
  return found;
}

export function hcm(config: Config): Config {
  return config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
}

export function virtualHost(config: Config): Config {
  return hcm(config).route_config.virtual_hosts[0];
}

/** A route by its name; the one of the API when none is given. */
export function routeOf(config: Config, name = "v1"): Config {
  return named(virtualHost(config).routes, name);
}

export function cluster(config: Config, name: string): Config {
  return named(config.static_resources.clusters, name);
}

export function listener(config: Config, name: string): Config {
  return named(config.static_resources.listeners, name);
}

/** An HTTP filter, by the end of its name: `ext_authz`. */
export function filter(config: Config, name: string): Config {
  return filterNamed(config, `envoy.filters.http.${name}`);
}

/** An HTTP filter that does not bear its extension's name. */
export function filterNamed(config: Config, name: string): Config {
  return named(hcm(config).http_filters, name);
}

export function settingsOf(config: Config, name: string): Config {
  return filter(config, name).typed_config;
}

/** Puts a filter before another one, by the end of its name. */
export function addBefore(config: Config, name: string, added: Config): void {
  const { http_filters: filters } = hcm(config);
  filters.splice(filters.indexOf(filter(config, name)), 0, added);
}

export function removeFilter(config: Config, name: string): void {
  const { http_filters: filters } = hcm(config);
  filters.splice(filters.indexOf(filter(config, name)), 1);
}

/** Lua that lends the demo credential to whoever brings none; only over one HTTP version when told so. */
export function lentKey(protocol?: "HTTP/2"): Config {
  const version = protocol ? `handle:streamInfo():protocol() == "${protocol}" and ` : "";
  return lua(
    "function envoy_on_request(handle) local h = handle:headers(); " +
      `if ${version}not h:get("x-api-key") and not h:get("authorization") then ` +
      'h:add("x-api-key", "demo-key") end end',
  );
}

export function lua(code: string): Config {
  return {
    name: "envoy.filters.http.lua",
    typed_config: {
      "@type": `${EXTENSION}.filters.http.lua.v3.Lua`,
      default_source_code: { inline_string: code },
    },
  };
}

export function header(
  key: string,
  value: string,
  append_action = "APPEND_IF_EXISTS_OR_ADD",
): Config {
  return { header: { key, value }, append_action };
}

/** Changes requests' headers, as a filter. */
export function headerMutation(...request_mutations: Config[]): Config {
  return {
    name: "envoy.filters.http.header_mutation",
    typed_config: {
      "@type": `${EXTENSION}.filters.http.header_mutation.v3.HeaderMutation`,
      mutations: { request_mutations },
    },
  };
}

/** Settings of a route on which nobody is asked. */
export const WITHOUT_POLICY: Config = {
  "envoy.filters.http.ext_authz": {
    "@type": `${EXTENSION}.filters.http.ext_authz.v3.ExtAuthzPerRoute`,
    disabled: true,
  },
};
