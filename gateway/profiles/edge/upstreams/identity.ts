/** An upstream's own identity: what a request is changed into for the upstream that gets it. */
import type { TrafficUpstream } from "./traffic.ts";
import { pathPrefixOf } from "./traffic.ts";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

const EXTENSIONS = "type.googleapis.com/envoy.extensions.filters.http";

/** Headers in which clients send credentials. None of them is an upstream's business that has a key of its own. */
export const CLIENT_CREDENTIALS = [
  ...["authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"],
];

/** Metadata with the path as the client sent it. */
const PATH_NAMESPACE = "llmgate.upstream";

/** The client's path without its query, for logs and limits: once an upstream was asked, `:path` is that one's. */
export const CLIENT_PATH =
  `%CEL('${PATH_NAMESPACE}' in metadata.filter_metadata ? metadata.filter_metadata['${PATH_NAMESPACE}'].client_path : request.url_path)%`;

/** Names the upstream for the script behind it; never leaves the gateway. */
const NAME_HEADER = "x-llm-upstream";

/**
 * Returns the filters of a cluster whose endpoints are these upstreams, the codec last. They run once for each attempt,
 * when the host is known, on one and the same set of headers: each takes away first what an attempt before has set.
 *
 * @param upstreams by the name in the endpoint's metadata `llmgate: { upstream: NAME }`
 */
export function identityFilters(
  upstreams: ReadonlyMap<string, TrafficUpstream>,
  { dropCredentials }: { readonly dropCredentials: boolean },
): Config[] {
  const own = [...upstreams].filter(([, one]) => one.key !== undefined || pathPrefixOf(one) !== "");
  const codec = {
    name: "envoy.filters.http.upstream_codec",
    typed_config: { "@type": `${EXTENSIONS}.upstream_codec.v3.UpstreamCodec` },
  };
  if (own.length === 0 && !dropCredentials) return [codec];
  return [
    mutation([
      ...(dropCredentials ? CLIENT_CREDENTIALS.map((remove) => ({ remove })) : []),
      {
        append: {
          header: { key: NAME_HEADER, value: "%UPSTREAM_METADATA(llmgate:upstream)%" },
          append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
        },
      },
    ]),
    {
      name: "envoy.filters.http.lua",
      typed_config: {
        "@type": `${EXTENSIONS}.lua.v3.Lua`,
        default_source_code: { inline_string: script(own) },
      },
    },
    // The script removes it, too; one that failed must not show it to anybody.
    mutation([{ remove: NAME_HEADER }]),
    codec,
  ];
}

function mutation(mutations: Config[]): Config {
  return {
    name: "envoy.filters.http.header_mutation",
    typed_config: {
      "@type": `${EXTENSIONS}.header_mutation.v3.HeaderMutation`,
      mutations: { request_mutations: mutations },
    },
  };
}

/**
 * The script that sets key and path. Envoy has a filter for neither where the host decides: `header_mutation` may not
 * touch `:path`, and an injected credential is the cluster's. A script that fails lets the request pass without a key:
 * the client's was taken away before, so that the upstream refuses it.
 */
function script(own: readonly (readonly [string, TrafficUpstream])[]): string {
  const rows = own.map(([name, one]) => {
    const key = one.key === undefined ? "" : `key = os.getenv(${quoted(one.key.env)}), `;
    return `  [${quoted(name)}] = { ${key}prefix = ${quoted(pathPrefixOf(one))} },`;
  });
  return [
    "-- Each upstream has a key and a path of its own. The keys stay in Envoy's environment.",
    "local own = {",
    ...rows,
    "}",
    "function envoy_on_request(handle)",
    "  local headers = handle:headers()",
    `  local this = own[headers:get(${quoted(NAME_HEADER)})]`,
    "  -- The next attempt finds the path of this one, and must put its own before the client's.",
    "  local metadata = handle:streamInfo():dynamicMetadata()",
    `  local kept = metadata:get(${quoted(PATH_NAMESPACE)})`,
    `  local path = kept and kept["path"] or headers:get(":path")`,
    "  if not kept then",
    `    metadata:set(${quoted(PATH_NAMESPACE)}, "path", path)`,
    `    metadata:set(${quoted(PATH_NAMESPACE)}, "client_path", path:match("^[^?]*"))`,
    "  end",
    `  headers:replace(":path", (this and this.prefix or "") .. path)`,
    `  if this and this.key then headers:replace("authorization", "Bearer " .. this.key) end`,
    "end",
    "",
  ].join("\n");
}

/** A Lua string: what a URL or a variable's name can hold needs no more escapes than JSON's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
