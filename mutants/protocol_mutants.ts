/** Mutants of the check-only configuration `protocols`. */
import {
  cluster,
  filter,
  hcm,
  listener,
  removeFilter,
  settingsOf,
  virtualHost,
  WITHOUT_POLICY,
} from "./config_places.ts";
import type { Config, Mutant } from "./mutant.ts";

function proxyProtocol(config: Config, name: string): Config {
  return listener(config, name).listener_filters[0].typed_config;
}

/** The configuration with the listener behind a load balancer as its first: what is edited there is edited. */
function behindBalancer(config: Config): Config {
  return { static_resources: { listeners: [listener(config, "ingress_proxied")] } };
}

/** A route in front of the others whose requests nobody is asked about. */
function unasked(
  config: Config,
  isMeant: (route: Config) => boolean,
  headers: Config[] = [],
): void {
  const { routes } = virtualHost(config);
  const open = structuredClone(routes.find(isMeant));
  open.match.headers = [...open.match.headers ?? [], ...headers];
  open.typed_per_filter_config = WITHOUT_POLICY;
  routes.unshift(open);
}

const isGrpc = ({ route }: Config) => route?.cluster === "upstream_grpc";
const isApi = ({ match }: Config) => match.prefix === "/v1/";

export const PROTOCOL_MUTANTS: readonly Mutant[] = [
  {
    id: "grpc-unasked",
    defect: "gRPC calls are not put before policy",
    on: "protocols",
    kills: ["ext.grpc", "ext.grpc-denied", "ext.grpc-web-denied"],
    edit: (config) => unasked(config, isGrpc),
  },
  {
    id: "grpc-downgraded",
    defect: "gRPC calls go on over HTTP/1.1",
    on: "protocols",
    kills: ["ext.grpc", "ext.grpc-web"],
    edit: (config) =>
      Object.values<Config>(
        cluster(config, "upstream_grpc").typed_extension_protocol_options,
      )[0].explicit_http_config = { http_protocol_options: {} },
  },
  {
    id: "grpc-web-untranslated",
    defect: "gRPC-Web goes on as it is",
    on: "protocols",
    kills: ["ext.grpc-web"],
    edit: (config) => removeFilter(config, "grpc_web"),
  },
  {
    id: "realtime-unasked",
    defect: "Realtime sessions are not put before policy",
    on: "protocols",
    kills: ["ext.realtime"],
    edit: (config) => unasked(config, isApi, [{ name: "upgrade", present_match: true }]),
  },
  {
    id: "cors-after-policy",
    defect: "policy is asked before the origin is looked at",
    on: "protocols",
    kills: ["ext.cors-preflight", "ext.cors-denial-readable"],
    edit(config) {
      const { http_filters: filters } = hcm(config);
      const [moved] = filters.splice(filters.indexOf(filter(config, "cors")), 1);
      filters.splice(filters.indexOf(filter(config, "ext_authz")) + 1, 0, moved);
    },
  },
  {
    id: "cors-for-everybody",
    defect: "pages of every origin may read answers",
    on: "protocols",
    kills: ["ext.cors-foreign"],
    edit(config) {
      const [policy] = Object.values<Config>(virtualHost(config).typed_per_filter_config);
      policy.allow_origin_string_match = [{ prefix: "https://" }];
    },
  },
  {
    id: "gzip-of-streams",
    defect: "event streams are compressed",
    on: "protocols",
    kills: ["ext.gzip-not-sse"],
    edit: (config) =>
      settingsOf(config, "compressor").response_direction_config.common_config.content_type = [
        "application/json",
        "text/event-stream",
      ],
  },
  {
    id: "gzip-left-to-the-upstream",
    defect: "the upstream is asked to compress what must be read here",
    on: "protocols",
    kills: ["ext.gzip-json"],
    edit: (config) => removeFilter(config, "compressor"),
  },
  {
    id: "html-passed",
    defect: "an upstream's page of HTML is the answer",
    on: "protocols",
    kills: ["ext.html-to-json"],
    edit: (config) => removeFilter(config, "custom_response"),
  },
  {
    id: "html-and-json-replaced",
    defect: "every error of an upstream is replaced, its own words too",
    on: "protocols",
    kills: ["ext.html-to-json"],
    edit(config) {
      const { matcher_list: { matchers: [one] } } =
        settingsOf(config, "custom_response").custom_response_matcher;
      one.predicate = one.predicate.and_matcher.predicate[0];
    },
  },
  {
    id: "network-by-hearsay",
    defect: "a client may say itself which network it is in",
    on: "protocols",
    kills: ["ext.ip-tag"],
    edit(config) {
      for (const one of [config, behindBalancer(config)]) {
        settingsOf(one, "ip_tagging").ip_tag_header.action = "APPEND_IF_EXISTS_OR_ADD";
      }
    },
  },
  {
    id: "balancer-unasked",
    defect: "the header of a load balancer is not needed",
    on: "protocols",
    kills: ["ext.proxy-protocol"],
    edit: (config) =>
      proxyProtocol(config, "ingress_proxied").allow_requests_without_proxy_protocol = true,
  },
  {
    id: "balancer-overheard",
    defect: "the header of a load balancer is read, and the client is taken for the balancer",
    on: "protocols",
    kills: ["ext.proxy-protocol"],
    edit: (config) => hcm(behindBalancer(config)).use_remote_address = false,
  },
  {
    id: "bytes-of-everybody",
    defect: "bytes pass whoever sends them",
    on: "protocols",
    kills: ["ext.tcp"],
    edit: (config) => listener(config, "tcp").filter_chains[0].filters.shift(),
  },
];
