/** Mutants that are Envoy configurations, but for its ext_authz filter. */
import {
  addBefore,
  hcm,
  header,
  lua,
  routeOf,
  virtualHost,
  WITHOUT_POLICY,
} from "./config_places.ts";
import type { Mutant } from "./mutant.ts";

const EXTENSION = "type.googleapis.com/envoy.extensions";

/** Envoy made wrong by its own configuration, except where it asks policy. */
export const CONFIG_MUTANTS: readonly Mutant[] = [
  {
    id: "route-timeout",
    defect: "the route has Envoy's default timeout of 15 s",
    kills: ["sse.idle-20s", "sse.slow-ttft", "lim.stream-exempt"],
    edit: (config) => routeOf(config).route.timeout = "15s",
  },
  {
    id: "stream-idle-timeout",
    defect: "streams are cut after 12 s of silence",
    kills: ["sse.idle-20s", "sse.slow-ttft"],
    edit: (config) => routeOf(config).route.idle_timeout = "12s",
  },
  {
    id: "max-stream-duration",
    defect: "streams may last 14 s at most",
    kills: ["sse.idle-20s", "lim.stream-exempt"],
    edit: (config) => routeOf(config).route.max_stream_duration = { max_stream_duration: "14s" },
  },
  {
    id: "buffer-filter",
    defect: "uploads are buffered whole before anything happens",
    kills: ["contract.no-body-buffer", "deny.before-upload-end"],
    edit: (config) =>
      hcm(config).http_filters.unshift({
        name: "envoy.filters.http.buffer",
        typed_config: {
          "@type": `${EXTENSION}.filters.http.buffer.v3.Buffer`,
          max_request_bytes: 32 << 20,
        },
      }),
  },
  {
    id: "response-buffer",
    defect: "responses are held back until they are complete",
    kills: ["sse.lockstep", "sse.first-byte", "sse.comments-keepalive"],
    edit: (config) =>
      addBefore(
        config,
        "router",
        lua("function envoy_on_response(handle) handle:body() end"),
      ),
  },
  {
    id: "compressor",
    defect: "event streams are compressed on the way",
    kills: ["sse.no-compression"],
    edit: (config) =>
      addBefore(config, "router", {
        name: "envoy.filters.http.compressor",
        typed_config: {
          "@type": `${EXTENSION}.filters.http.compressor.v3.Compressor`,
          response_direction_config: {
            common_config: { min_content_length: 30, content_type: ["text/event-stream"] },
          },
          compressor_library: {
            name: "gzip",
            typed_config: { "@type": `${EXTENSION}.compression.gzip.compressor.v3.Gzip` },
          },
        },
      }),
  },
  {
    id: "trusted-names-pass",
    defect: "a client's own trusted names are not removed at the edge",
    kills: ["sec.tenant-absent-when-none", "sec.trusted-not-at-policy", "sec.auth-failure-header"],
    edit: (config) => delete hcm(config).early_header_mutation_extensions,
  },
  {
    id: "underscores-pass",
    defect: "x_tenant passes beside x-tenant",
    kills: ["sec.tenant-spoof-variants"],
    edit: (config) =>
      delete hcm(config).common_http_protocol_options.headers_with_underscores_action,
  },
  {
    id: "tenant-appended",
    defect: "the gateway appends a tenant of its own",
    kills: ["sec.tenant-spoof", "sec.tenant-spoof-variants"],
    edit: (config) => routeOf(config).request_headers_to_add = [header("x-tenant", "edge")],
  },
  {
    id: "paths-as-sent",
    defect: "dot segments and hidden slashes are passed on as they come",
    kills: ["sec.path-dotdot"],
    edit: (config) => {
      hcm(config).normalize_path = false;
      hcm(config).merge_slashes = false;
      hcm(config).path_with_escaped_slashes_action = "KEEP_UNCHANGED";
    },
  },
  {
    id: "retry-on-5xx",
    defect: "a POST is repeated after an error",
    kills: ["retry.post-not-blind", "retry.reset-not-blind"],
    edit: (config) =>
      routeOf(config).route.retry_policy = { retry_on: "5xx,reset", num_retries: 2 },
  },
  {
    id: "x-envoy-from-client",
    defect: "loopback clients are internal: their x-envoy-* headers act",
    kills: ["sec.x-envoy-strip"],
    edit: (config) => {
      hcm(config).internal_address_config = {
        cidr_ranges: [{ address_prefix: "127.0.0.0", prefix_len: 8 }],
      };
    },
  },
  {
    id: "header-added",
    defect: "the gateway adds an undeclared request header",
    kills: ["pass.headers-request"],
    edit: (config) => routeOf(config).request_headers_to_add = [header("x-gateway", "mutant")],
  },
  {
    id: "header-removed",
    defect: "the gateway drops the client's cookies",
    kills: ["pass.headers-request"],
    edit: (config) => routeOf(config).request_headers_to_remove = ["cookie"],
  },
  {
    id: "response-header-added",
    defect: "the gateway adds an undeclared response header",
    kills: ["pass.response-headers"],
    edit: (config) => routeOf(config).response_headers_to_add = [header("x-powered-by", "mutant")],
  },
  {
    id: "response-header-removed",
    defect: "the gateway drops retry-after",
    kills: ["pass.response-headers"],
    edit: (config) => routeOf(config).response_headers_to_remove = ["retry-after"],
  },
  {
    id: "content-type-set",
    defect: "the gateway sets its own content-type on streams",
    kills: ["sse.content-type"],
    edit: (config) =>
      routeOf(config).response_headers_to_add = [
        header("content-type", "text/event-stream", "OVERWRITE_IF_EXISTS"),
      ],
  },
  {
    id: "query-dropped",
    defect: "the query is rewritten",
    kills: ["pass.query-exact"],
    edit: (config) =>
      routeOf(config).route.regex_rewrite = {
        pattern: { regex: "^([^?]*).*$" },
        substitution: "\\1?q=1",
      },
  },
  {
    id: "admin-exposed",
    defect: "Envoy's statistics are on the ingress",
    kills: ["sec.admin-not-exposed"],
    edit: (config) =>
      virtualHost(config).routes.unshift({
        match: { path: "/stats" },
        direct_response: { status: 200, body: { inline_string: "server.live: 1\n" } },
        typed_per_filter_config: WITHOUT_POLICY,
      }),
  },
  {
    id: "everything-routed",
    defect: "every path goes upstream",
    kills: ["route.unknown-404"],
    edit: (config) => routeOf(config).match = { prefix: "/" },
  },
  {
    id: "open-catch-all",
    defect: "unknown paths go upstream without policy",
    kills: ["fc.no-route-bypass", "route.unknown-404", "sec.path-escape"],
    edit: (config) => {
      const open = structuredClone(routeOf(config));
      open.name = "open";
      open.match = { prefix: "/" };
      open.typed_per_filter_config = WITHOUT_POLICY;
      virtualHost(config).routes.push(open);
    },
  },
  {
    id: "route-missing",
    defect: "only chat completions are routed",
    kills: ["route.known-paths"],
    edit: (config) => routeOf(config).match = { prefix: "/v1/chat/" },
  },
  {
    id: "no-request-id-back",
    defect: "the client is not told the request id",
    kills: ["obs.request-id", "contract.request-id"],
    edit: (config) => hcm(config).always_set_request_id_in_response = false,
  },
  {
    id: "prompt-logged",
    defect: "credentials are written to the access log",
    kills: ["obs.no-secrets"],
    edit: (config) => {
      const format = hcm(config).access_log[0].typed_config.log_format.json_format;
      format.key = "%REQ(X-API-KEY)%";
    },
  },
  {
    id: "wide-buffers",
    defect: "a slow reader fills 64 MiB of Envoy's memory",
    kills: ["sse.slow-reader"],
    edit: (config) => {
      config.static_resources.listeners[0].per_connection_buffer_limit_bytes = 64 << 20;
      for (const cluster of config.static_resources.clusters) {
        cluster.per_connection_buffer_limit_bytes = 64 << 20;
      }
    },
  },
  {
    id: "slow-heads",
    defect: "a request head may take for ever",
    kills: ["lim.slowloris-headers"],
    edit: (config) => delete hcm(config).request_headers_timeout,
  },
  {
    id: "h1-only",
    defect: "HTTP/2 is not served",
    kills: ["http.h2c", "cancel.h2-rst-only-one"],
    edit: (config) => hcm(config).codec_type = "HTTP1",
  },
  {
    id: "errors-relabelled",
    defect: "errors of the upstream become 502",
    kills: ["allow.upstream-error-verbatim"],
    edit: (config) =>
      addBefore(
        config,
        "router",
        lua(
          'function envoy_on_response(handle) local s = handle:headers():get(":status"); ' +
            'if s == "429" or s == "500" then handle:headers():replace(":status", "502") end end',
        ),
      ),
  },
];
