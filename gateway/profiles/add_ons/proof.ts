/** Lets an Envoy prove itself to a processor: each of its calls carries the secret of the run. */
import { PEER_HEADER, PEER_SECRET_ENV } from "../../../service/mod.ts";

const FILTERS = "type.googleapis.com/envoy.extensions.filters.http";
const HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

// deno-lint-ignore no-explicit-any -- a configuration is edited at known places; Envoy validates it
type Config = any;

/** Returns a cluster whose calls say this Envoy's secret; the same stands in `router.yaml`, with the reason. */
export function proving(cluster: Config): Config {
  const proved = structuredClone(cluster);
  proved.typed_extension_protocol_options[HTTP_OPTIONS].http_filters = [
    {
      name: "envoy.filters.http.header_mutation",
      typed_config: {
        "@type": `${FILTERS}.header_mutation.v3.HeaderMutation`,
        mutations: {
          request_mutations: [{
            append: {
              header: { key: PEER_HEADER, value: `%ENVIRONMENT(${PEER_SECRET_ENV})%` },
              append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
            },
          }],
        },
      },
    },
    {
      name: "envoy.filters.http.upstream_codec",
      typed_config: { "@type": `${FILTERS}.upstream_codec.v3.UpstreamCodec` },
    },
  ];
  return proved;
}
