import assert from "node:assert/strict";
import { bundledConfig, type Json, setAt } from "../envoy/mod.ts";
import { lintEnvoyConfig } from "./lint.ts";
import { TRAFFIC_RULES } from "./traffic_rules.ts";

const MANAGER = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const ROUTE = `${MANAGER}/route_config/virtual_hosts/0/routes/1/route`;
const HTTP = "type.googleapis.com/envoy.extensions.filters.http";
const OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

const CSRF = (numerator: number): Json => ({
  name: "envoy.filters.http.csrf",
  typed_config: {
    "@type": `${HTTP}.csrf.v3.CsrfPolicy`,
    filter_enabled: { default_value: { numerator, denominator: "HUNDRED" } },
  },
});

const FAULT = (percentage: Json, headers: Json = []): Json => ({
  name: "envoy.filters.http.fault",
  typed_config: {
    "@type": `${HTTP}.fault.v3.HTTPFault`,
    abort: { http_status: 503, percentage },
    headers,
  },
});

/** The header of requests that are somebody's test. */
const TESTED: Json = [{ name: "x-test", present_match: true }];

const TRACING = (custom_tags: Json[]): Json => ({
  provider: {
    name: "envoy.tracers.opentelemetry",
    typed_config: {
      "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
      service_name: "llm",
    },
  },
  custom_tags,
});

const SECRET = (certificate: Record<string, Json>): Json => [{
  name: "server",
  tls_certificate: { private_key: { inline_string: "…" }, ...certificate },
}];

const BY_NAME = SECRET({ certificate_chain: { filename: "/tls/server.pem" } });

/** Edits of the bundled base configuration: what breaks each rule, and what looks like it and does not. */
const EDITS: readonly (readonly [ids: readonly string[], edits: Readonly<Record<string, Json>>])[] =
  [
    [["traffic.mirrored-credential"], {
      [`${ROUTE}/request_mirror_policies`]: [{ cluster: "upstream" }],
    }],
    [["traffic.mirrored-credential"], {
      [`${MANAGER}/route_config/request_mirror_policies`]: [{ cluster: "upstream" }],
    }],
    [[], {
      [`${ROUTE}/request_mirror_policies`]: [{
        cluster: "upstream",
        request_headers_mutations: [{ remove: "authorization" }],
      }],
    }],
    [["traffic.few-retries"], {
      [`${ROUTE}/retry_policy`]: { num_retries: 1, refresh_cluster_on_retry: true },
    }],
    [[], {
      [`${ROUTE}/retry_policy`]: { num_retries: 1, refresh_cluster_on_retry: true },
      "static_resources/clusters/1/circuit_breakers/thresholds/0/max_retries": 65536,
    }],
    [[], { [`${ROUTE}/retry_policy`]: { num_retries: 1, retry_on: "connect-failure" } }],
    [["traffic.query-traced"], { [`${MANAGER}/tracing`]: TRACING([]) }],
    [[], {
      [`${MANAGER}/tracing`]: TRACING([{ tag: "http.url", value: "%PATH(NQ:PATH)%" }]),
    }],
    [["traffic.secret-by-name"], { "static_resources/secrets": BY_NAME }],
    [[], {
      "static_resources/secrets": SECRET({ certificate_chain: { inline_string: "…" } }),
    }],
    [["traffic.listeners-by-file"], {
      "dynamic_resources": { lds_config: { path_config_source: { path: "lds.yaml" } } },
    }],
    [[], { "dynamic_resources": { cds_config: { path_config_source: { path: "cds.yaml" } } } }],
    [["traffic.csrf"], { [`${MANAGER}/http_filters/0`]: CSRF(100) }],
    [[], { [`${MANAGER}/http_filters/0`]: CSRF(0) }],
    [["traffic.faults"], { [`${MANAGER}/http_filters/0`]: FAULT({ numerator: 1 }) }],
    [[], { [`${MANAGER}/http_filters/0`]: FAULT({ numerator: 0 }) }],
    [[], { [`${MANAGER}/http_filters/0`]: FAULT({ numerator: 100 }, TESTED) }],
  ];

const OWN = new Set(TRAFFIC_RULES.map(({ id }) => id));

async function found(root: Json): Promise<string[]> {
  const { findings } = await lintEnvoyConfig(JSON.stringify(root), { name: "own" });
  return [...new Set(findings.map(({ id }) => id))].filter((id) => OWN.has(id));
}

EDITS.forEach(([ids, edits], index) => {
  Deno.test(`lintEnvoyConfig() finds ${ids.join() || "nothing"} in traffic edit ${index}`, async () => {
    const bootstrap = structuredClone(bundledConfig("base").bootstrap);
    for (const [path, value] of Object.entries(edits)) setAt(bootstrap, path, value);
    assert.deepEqual(await found(bootstrap), ids);
  });
});

Deno.test("lintEnvoyConfig() takes a mirror whose own filters set a credential, and reads files of secrets", async () => {
  const bootstrap = structuredClone(bundledConfig("base").bootstrap);
  setAt(bootstrap, `${ROUTE}/request_mirror_policies`, [{ cluster: "upstream" }]);
  const clusters = bootstrap.static_resources as { clusters: Record<string, Json>[] };
  const upstream = clusters.clusters.find(({ name }) => name === "upstream");
  setAt(upstream ?? {}, `typed_extension_protocol_options/${OPTIONS}/http_filters`, [{
    name: "envoy.filters.http.header_mutation",
    typed_config: {
      "@type": `${HTTP}.header_mutation.v3.HeaderMutation`,
      mutations: { request_mutations: [{ remove: "authorization" }] },
    },
  }]);
  assert.deepEqual(await found(bootstrap), []);
  const type = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
  const resources = (BY_NAME as Record<string, Json>[]).map((one) => ({ "@type": type, ...one }));
  assert.deepEqual(await found({ resources }), ["traffic.secret-by-name"]);
});

Deno.test("every rule about traffic has an edit that breaks it", () => {
  const broken = new Set(EDITS.flatMap(([ids]) => ids));
  assert.deepEqual([...OWN].filter((id) => !broken.has(id)), []);
});
