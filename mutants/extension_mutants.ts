/** Mutants of the check-only configuration `extensions`. */
import {
  addBefore,
  filter,
  filterNamed,
  hcm,
  lua,
  removeFilter,
  settingsOf,
  virtualHost,
} from "./config_places.ts";
import type { Config, Mutant } from "./mutant.ts";

/** Changes the script that asks for a session's messages. */
function rewrite(config: Config, from: string, to: string): void {
  const source = settingsOf(config, "lua").default_source_code;
  const text: string = source.inline_string;
  if (!text.includes(from)) throw new TypeError(`Cannot find "${from}" in the script`);
  source.inline_string = text.replaceAll(from, to);
}

export const EXTENSION_MUTANTS: readonly Mutant[] = [
  {
    id: "script-of-the-articles",
    defect: "the script decodes JSON, which Envoy's Lua cannot, and nothing looks after it",
    on: "extensions",
    kills: ["ext.lua-context", "ext.lua-error-closed", "ext.lua-service-fails"],
    edit(config) {
      const { routes } = virtualHost(config);
      const broken = routes.find(({ match }: Config) => match.prefix === "/v1/broken/lua/");
      settingsOf(config, "lua").default_source_code =
        broken.typed_per_filter_config["envoy.filters.http.lua"].source_code;
      removeFilter(config, "rbac");
    },
  },
  {
    id: "script-unguarded",
    defect: "nothing looks after a script that fails",
    on: "extensions",
    kills: ["ext.lua-error-closed"],
    edit: (config) => removeFilter(config, "rbac"),
  },
  {
    id: "script-of-any-tenant",
    defect: "a session is anybody's who knows its name",
    on: "extensions",
    kills: ["ext.lua-tenant"],
    edit: (config) => rewrite(config, '"/context/" .. tenant', '"/context/theirs"'),
  },
  {
    id: "script-of-the-first-match",
    defect: "messages go behind the first list of that name, wherever it is",
    on: "extensions",
    kills: ["ext.lua-odd-body"],
    edit: (config) => rewrite(config, "depth == 1 and", "not found and"),
  },
  {
    id: "script-content-with-nothing",
    defect: "without an answer of the service the request goes on as it came",
    on: "extensions",
    kills: ["ext.lua-service-fails"],
    edit: (config) =>
      rewrite(
        config,
        "if not messages then",
        "if not messages then return done(handle) end if false then",
      ),
  },
  {
    id: "script-before-policy",
    defect: "the script runs before policy has decided",
    on: "extensions",
    kills: ["ext.lua-denied"],
    edit(config) {
      const { http_filters: filters } = hcm(config);
      const [moved] = filters.splice(filters.indexOf(filter(config, "lua")), 1);
      filters.unshift(moved);
      rewrite(config, 'handle:headers():get("x-tenant")', '"case"');
    },
  },
  {
    id: "wasm-absent",
    defect: "the Wasm filter is not there",
    on: "extensions",
    kills: ["ext.wasm-region"],
    edit(config) {
      const { http_filters: filters } = hcm(config);
      filters.splice(filters.indexOf(filterNamed(config, "region_guard")), 1);
    },
  },
  {
    id: "wasm-fails-open",
    defect: "a Wasm filter that trapped lets requests pass",
    on: "extensions",
    kills: ["ext.wasm-fail-closed"],
    edit: (config) => filterNamed(config, "trap").typed_config.config.failure_policy = "FAIL_OPEN",
  },
  {
    id: "extension-holds-streams",
    defect: "an extension waits for the whole answer",
    on: "extensions",
    kills: ["ext.stream-untouched"],
    edit: (config) =>
      addBefore(config, "router", lua("function envoy_on_response(handle) handle:body() end")),
  },
];
