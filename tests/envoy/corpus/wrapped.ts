/** Configurations that are no bootstrap of one document, as tools and clusters hand them out. */
import { type CorpusCase, strict } from "./form.ts";

const indented = (text: string) => text.replaceAll(/^(?=.)/gm, "    ");
const LISTENER = {
  "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
  name: "0.0.0.0_8080",
  filterChains: [{
    filters: [{
      name: "envoy.filters.network.http_connection_manager",
      typedConfig: {
        "@type":
          "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        statPrefix: "outbound",
        useRemoteAddress: true,
        normalizePath: true,
        mergeSlashes: true,
        pathWithEscapedSlashesAction: "REJECT_REQUEST",
        requestHeadersTimeout: "10s",
        alwaysSetRequestIdInResponse: true,
        commonHttpProtocolOptions: { headersWithUnderscoresAction: "REJECT_REQUEST" },
        localReplyConfig: { mappers: [{ filter: { responseFlagFilter: { flags: ["UAEX"] } } }] },
        accessLog: [{
          name: "out",
          typedConfig: {
            "@type":
              "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            logFormat: { textFormatSource: { inlineString: "%RESPONSE_CODE%\n" } },
          },
        }],
        routeConfig: {
          name: "r",
          virtualHosts: [{
            name: "v",
            domains: ["*"],
            routes: [{
              match: { prefix: "/" },
              route: { cluster: "up", timeout: "0s", idleTimeout: "0s" },
            }],
          }],
        },
        httpFilters: [{
          name: "envoy.filters.http.router",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
          },
        }],
      },
    }],
  }],
};
const DUMP = {
  configs: [{
    "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
    dynamic_listeners: [{ name: LISTENER.name, active_state: { listener: LISTENER } }],
  }],
};

export const WRAPPED: readonly CorpusCase[] = [
  {
    name: "OPA: manifests with a ConfigMap among them",
    text: `apiVersion: apps/v1
kind: Deployment
metadata: { name: app }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: proxy-config }
data:
  envoy.yaml: |
${indented(strict({ authzFields: "failure_mode_allow: true" }))}`,
    findings: ["policy.fail-open"],
    envoy: "other",
    note: /document 1 is not looked at: it is a Kubernetes Deployment "app"/,
  },
  {
    name: "by hand: a connection manager alone",
    text: JSON.stringify({ ...LISTENER.filterChains[0]?.filters[0]?.typedConfig }),
    findings: ["policy.missing"],
    envoy: "other",
    note: /These are xDS resources/,
  },
  {
    name: "old tutorials: a dump of the v2 API",
    text: JSON.stringify({
      configs: [{
        "@type": "type.googleapis.com/envoy.admin.v2alpha.BootstrapConfigDump",
        bootstrap: {},
      }],
    }),
    findings: ["config.old-api"],
    envoy: "other",
  },
  {
    name: "by hand: two documents",
    text: `---\n${strict()}---\nfoo: bar\n`,
    findings: [],
    envoy: "accepts",
    note: /document 2 is not looked at/,
  },
  {
    name: "Envoy's examples: everything by files",
    text: `node: { id: a, cluster: b }
dynamic_resources:
  lds_config: { path_config_source: { path: /var/lib/envoy/lds.yaml } }
  cds_config: { path_config_source: { path: /var/lib/envoy/cds.yaml } }
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 19000 } } }
`,
    findings: ["edge.admin-exposed", "traffic.listeners-by-file"],
    envoy: "other",
    note: /listeners of dynamic_resources come by LDS/,
  },
  {
    name: "Envoy's examples: the file that LDS reads",
    text: JSON.stringify({ resources: [LISTENER] }),
    findings: ["policy.missing"],
    envoy: "other",
    note: /These are xDS resources/,
  },
  {
    name: "egctl: a dump by namespace and pod",
    text: JSON.stringify({ "envoy-gateway-system": { "envoy-default-eg": DUMP } }),
    findings: ["policy.missing"],
    envoy: "other",
  },
  {
    name: "istioctl: a dump",
    text: JSON.stringify(DUMP),
    findings: ["policy.missing"],
    envoy: "other",
  },
  {
    name: "istioctl: listeners alone",
    text: JSON.stringify([(({ "@type": _, ...rest }) => rest)(LISTENER)]),
    findings: ["policy.missing"],
    envoy: "other",
  },
  {
    name: "Istio: a dump with a filter of its own",
    text: JSON.stringify({
      configs: [
        ...DUMP.configs,
        {
          "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
          dynamic_active_clusters: [{
            cluster: {
              "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
              name: "up",
              filters: [{
                name: "istio.metadata_exchange",
                typed_config: {
                  "@type": "type.googleapis.com/envoy.tcp.metadataexchange.config.MetadataExchange",
                },
              }],
            },
          }],
        },
      ],
    }),
    findings: ["policy.missing", "policy.burst-limits"],
    envoy: "other",
    note: /Not looked at: .*MetadataExchange is not among the types/,
  },
];
