/** Rules about traffic beside an answer: copies of requests, certificates and listeners that change, browsers' protection. */
import {
  HTTP_OPTIONS,
  isObject,
  type Json,
  type JsonObject,
  type LintModel,
  objectsAt,
  shareOf,
  valueAt,
} from "../envoy/mod.ts";
import { filters, forwarding, type Hit, type LintRule, unique } from "./rule.ts";

/** Filters of a cluster that can give a copy another credential, or none. */
const CREDENTIALS = /header_mutation|credential_injector|lua|ext_proc/;

/** Rules about traffic that changes, or is copied. */
export const TRAFFIC_RULES: readonly LintRule[] = [
  {
    id: "traffic.mirrored-credential",
    severity: "warning",
    why: "whoever gets the copies gets the clients' keys with them, and can spend them",
    fix: "replace the credential in the mirror's own filters (`header_mutation` or " +
      "`credential_injector` under its HttpProtocolOptions), or by `request_headers_mutations`",
    source: "RouteAction.RequestMirrorPolicy.request_headers_mutations",
    check: mirrored,
  },
  {
    id: "traffic.few-retries",
    severity: "warning",
    why: "Envoy lets 3 retries run at a time in a cluster: when a provider fails under load, all " +
      "other requests get its error, and nobody falls back",
    fix:
      "set `max_retries` of the cluster's `circuit_breakers` to what its `max_requests` is, or a " +
      "`retry_budget`",
    case: "fall.attempts-told",
    source: "CircuitBreakers.Thresholds.max_retries; Envoy router filter, retry semantics",
    check: fewRetries,
  },
  {
    id: "traffic.query-traced",
    severity: "warning",
    why: "Envoy's tag http.url holds the query, and with it keys that clients send there",
    fix: 'give the tag a value of your own: `{ tag: http.url, value: "%PATH(NQ:PATH)%" }`',
    source: "HttpConnectionManager.Tracing; Envoy tracing, span tags",
    check: ({ ingresses }) =>
      ingresses.flatMap(({ path, value }): Hit[] => {
        if (!isObject(valueAt(value, "tracing/provider"))) return [];
        const tags = objectsAt(value, "tracing/custom_tags/*");
        return tags.some(({ tag }) => tag === "http.url")
          ? []
          : [{ path: `${path}/tracing`, found: "spans hold each request's whole URL" }];
      }),
  },
  {
    id: "traffic.secret-by-name",
    severity: "warning",
    why: "a certificate that is renewed in that file is not noticed: the old one is shown until " +
      "it has expired",
    fix: "put the PEM itself into the watched file (`inline_string`), and replace it by a rename",
    source: "TlsCertificate.watched_directory; SDS by path_config_source",
    check: ({ root }) =>
      secrets(root).flatMap(({ path, value }): Hit[] => {
        const name = valueAt(value, "certificate_chain/filename");
        if (typeof name !== "string" || value.watched_directory !== undefined) return [];
        return [{
          path: `${path}/certificate_chain/filename`,
          found: `"${name}" is read when this file changes, and not when it does itself`,
        }];
      }),
  },
  {
    id: "traffic.listeners-by-file",
    severity: "warning",
    why: "an update of a listener ends every stream on it when --drain-time-s is over (600 s " +
      "unless said otherwise)",
    fix: "keep listeners in the bootstrap, and change routes, clusters and secrets " +
      "(RDS, CDS, SDS): no stream notices those",
    source: "Envoy operations, Draining; Bootstrap.DynamicResources.lds_config",
    check: ({ root }) =>
      ["dynamic_resources", "configs/0/bootstrap/dynamic_resources"].flatMap((at): Hit[] =>
        isObject(valueAt(root, `${at}/lds_config/path_config_source`)) ||
          typeof valueAt(root, `${at}/lds_config/path`) === "string"
          ? [{ path: `${at}/lds_config`, found: "listeners come by a file that may change" }]
          : []
      ),
  },
  {
    id: "traffic.faults",
    severity: "error",
    why: "requests are refused or delayed as a test, and nobody asked for one",
    fix: "take the filter out, or let its `headers` say which requests are the test",
    case: "allow.basic-200",
    source: "HTTPFault.abort, HTTPFault.delay",
    check: faults,
  },
  {
    id: "traffic.csrf",
    severity: "warning",
    why: "clients of an API send no Origin, and the filter refuses them: 403",
    fix: "leave the filter out of the API's routes: keys and tokens are not sent by browsers " +
      "on their own, so there is nothing to forge",
    source: "CsrfPolicy",
    check: (model) =>
      filters(model, "CsrfPolicy").filter(({ config }) => isEnforced(config))
        .map(({ pathOf }): Hit => ({
          path: pathOf("filter_enabled"),
          found: "requests without an Origin are refused",
        })),
  },
];

/** Share of requests that a part of the fault filter hits; what a request asks for by its own headers is another matter. */
function isHit(fault: Json | undefined, model: LintModel): boolean {
  if (!isObject(fault) || fault.header_abort !== undefined || fault.header_delay !== undefined) {
    return false;
  }
  return shareOfFault(fault, model) > 0;
}

function shareOfFault(fault: Json | undefined, { runtime }: LintModel): number {
  return shareOf({ default_value: valueAt(fault, "percentage") ?? null }, runtime) ?? 0;
}

function faults(model: LintModel): Hit[] {
  return filters(model, "HTTPFault").flatMap(({ filter, config, pathOf, by }): Hit[] => {
    // Faults for some requests are somebody's test, and the others are served.
    if (Array.isArray(config.headers) && config.headers.length > 0) return [];
    const hit = ["abort", "delay"].filter((part) => isHit(config[part], model));
    if (hit.length === 0) return [];
    return [{
      path: by?.path ?? pathOf(hit[0] ?? ""),
      found: `the filter "${filter.name}" makes faults (${hit.join(", ")}) for anybody`,
      ...(shareOfFault(config.abort, model) === 1 ? {} : { case: null }),
    }];
  });
}

/** The mirrors of each route that get the client's own credential. */
function mirrored(model: LintModel): Hit[] {
  return unique(
    forwarding(model).flatMap(({ route }) => {
      const places = [
        { path: `${route.path}/route`, value: valueAt(route.value, "route") },
        ...route.parents,
      ];
      // The nearest list is the one in force.
      const place = places.find(({ value }) =>
        Array.isArray(valueAt(value, "request_mirror_policies"))
      );
      const list = valueAt(place?.value, "request_mirror_policies");
      if (place === undefined || !Array.isArray(list)) return [];
      return list.flatMap((policy, index): Hit[] => {
        if (!isObject(policy) || policy.request_headers_mutations !== undefined) return [];
        // A cluster that is not in the file cannot be looked at.
        const cluster = model.clusters.get(String(policy.cluster));
        if (cluster === undefined || changesCredential(cluster.value)) return [];
        return [{
          path: `${place.path}/request_mirror_policies/${index}`,
          found: `copies go to "${policy.cluster}" with the credential of the client`,
        }];
      });
    }),
  );
}

function changesCredential(cluster: JsonObject): boolean {
  return objectsAt(cluster, `${HTTP_OPTIONS}/http_filters/*`).some(({ name, typed_config }) =>
    CREDENTIALS.test(`${name} ${valueAt(typed_config, "@type")}`)
  );
}

/** Certificates that are delivered as secrets: in the bootstrap, or as resources of a watched file. */
function secrets(root: Json): { path: string; value: JsonObject }[] {
  return ["static_resources/secrets", "resources"].flatMap((at) => {
    const list = valueAt(root, at);
    if (!Array.isArray(list)) return [];
    return list.flatMap((secret, index) => {
      const value = valueAt(secret, "tls_certificate");
      return isObject(value) ? [{ path: `${at}/${index}/tls_certificate`, value }] : [];
    });
  });
}

/** Whether a runtime fraction is above 0. */
function isEnforced(config: JsonObject): boolean {
  return Number(valueAt(config, "filter_enabled/default_value/numerator") ?? 0) > 0;
}

/** Routes that fall back to another upstream, and whose clusters let few do so at a time. */
function fewRetries(model: LintModel): Hit[] {
  const names = new Set(
    forwarding(model).filter(({ route: { value } }) => {
      const policy = valueAt(value, "route/retry_policy");
      return isObject(policy) && policy.num_retries !== 0 &&
        (policy.refresh_cluster_on_retry === true || isObject(policy.retry_priority));
    }).flatMap(({ route }) => route.clusters),
  );
  return [...names].flatMap((name): Hit[] => {
    const cluster = model.clusters.get(name);
    if (cluster === undefined) return [];
    const [threshold] = objectsAt(cluster.value, "circuit_breakers/thresholds/*");
    if (threshold?.max_retries !== undefined || isObject(threshold?.retry_budget)) return [];
    return [{ path: cluster.path, found: `${name} lets 3 requests at a time be tried again` }];
  });
}
