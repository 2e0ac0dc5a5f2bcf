import assert from "node:assert/strict";
import { UsageError } from "../service/mod.ts";
import { adoptEnvoyConfig } from "./adopt_foreign_config.ts";
import { bundledConfig, parseEnvoyConfig } from "./config_file.ts";
import { launchConfig } from "./overlay.ts";
import { type Json, setAt, valueAt } from "./tree.ts";

/** A configuration as people write it: names of their own, TLS upstream, a second listener. */
const FOREIGN = `
staticResources:
  listeners:
    - address: { socketAddress: { address: 0.0.0.0, portValue: 443 } }
      filterChains:
        - filters:
            - name: hcm
              typedConfig:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                statPrefix: in
                routeConfig:
                  virtualHosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: { prefix: /v1/embeddings }
                          route: { cluster: small }
                        - match: { prefix: / }
                          route: { cluster: openai }
                httpFilters:
                  - name: authz
                    typedConfig:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
                      grpcService: { envoyGrpc: { clusterName: opa } }
    - name: other
      address: { socketAddress: { address: 0.0.0.0, portValue: 80 } }
  clusters:
    - name: openai
      type: LOGICAL_DNS
      transportSocket: { name: tls }
      loadAssignment: &one
        clusterName: one
        endpoints:
          - lbEndpoints:
              - endpoint: { address: { socketAddress: { address: api.test, portValue: 443 } } }
    - { name: small, type: STRICT_DNS, loadAssignment: *one }
    - { name: opa, type: STRICT_DNS, loadAssignment: *one, healthChecks: [] }
`;

Deno.test("adoptEnvoyConfig() finds listener, policy and upstream, and says what it changed", async () => {
  const adopted = adoptEnvoyConfig(await parseEnvoyConfig(FOREIGN, "own.yaml"));
  assert.equal(adopted.listener, "listener_0");
  assert.equal(adopted.policyCluster, "opa");
  assert.equal(adopted.upstreamCluster, "small");
  assert.deepEqual(adopted.adjustments, [
    'The unnamed listener 0 is called "listener_0"',
    'The listener "other" is not judged, and left away',
    'The cluster "opa" makes no health checks of its own',
    'The cluster "openai" speaks plain text to our part, and not TLS',
    'The cluster "openai" has the address of "small"',
  ]);
});

Deno.test("adoptEnvoyConfig() leaves a configuration that only needs addresses", async () => {
  const { file, listener, policyCluster, upstreamCluster, adjustments } = adoptEnvoyConfig(
    await parseEnvoyConfig(FOREIGN, "own.yaml"),
  );
  const { bootstrap, changes } = launchConfig(file, {
    adminPort: 0,
    listeners: { [listener]: { host: "127.0.0.1", port: 0 } },
    clusters: {
      [String(policyCluster)]: { host: "127.0.0.1", port: 1 },
      [upstreamCluster]: { host: "127.0.0.1", port: 2 },
    },
  });
  const port = (index: number) =>
    valueAt(
      bootstrap,
      `static_resources/clusters/${index}/load_assignment/endpoints/0/lb_endpoints/0` +
        "/endpoint/address/socket_address/port_value",
    );
  assert.deepEqual([port(0), port(1), port(2)], [2, 2, 1]);
  assert.equal(valueAt(bootstrap, "admin/address/socket_address/port_value"), 0);
  assert.ok(changes.length > 0);
  assert.equal(adjustments.length, 5);
});

Deno.test("adoptEnvoyConfig() changes nothing in the bundled configuration", () => {
  const file = bundledConfig("base");
  const { showsPolicy, ...adopted } = adoptEnvoyConfig(file);
  assert.ok(showsPolicy("x-api-key"));
  assert.deepEqual(adopted, {
    file,
    listener: "ingress",
    policyCluster: "policy_engine",
    upstreamCluster: "upstream",
    asksAgain: false,
    parts: [],
    adjustments: [],
  });
});

for (
  const { edit, message, what } of [
    {
      what: "no HTTP listener",
      edit: (text: string) => text.replace("HttpConnectionManager", "TcpProxy"),
      message: /no listener with an HTTP connection manager/,
    },
    {
      what: "a cluster that is not there",
      edit: (text: string) => text.replace("cluster: openai", "cluster: gone"),
      message: /the cluster "gone" is not in the file/,
    },
  ]
) {
  Deno.test(`adoptEnvoyConfig() refuses a configuration with ${what}`, async () => {
    const file = await parseEnvoyConfig(edit(FOREIGN), "own.yaml");
    assert.throws(() => adoptEnvoyConfig(file), message);
  });
}

/** One cluster's endpoint as the launch leaves it. */
async function launched(text: string) {
  const { file, listener, policyCluster, upstreamCluster, adjustments } = adoptEnvoyConfig(
    await parseEnvoyConfig(text, "own.yaml"),
  );
  const { bootstrap } = launchConfig(file, {
    adminPort: 0,
    listeners: { [listener]: { host: "127.0.0.1", port: 0 } },
    clusters: {
      ...(policyCluster === undefined ? {} : { [policyCluster]: { host: "127.0.0.1", port: 1 } }),
      [upstreamCluster]: { host: "127.0.0.1", port: 2 },
    },
  });
  return { bootstrap, adjustments: adjustments.join("\n"), policyCluster };
}

for (
  const [form, address] of [
    ["a Unix socket", "{ pipe: { path: /run/a.sock } }"],
    ["a named port", "{ socketAddress: { address: 0.0.0.0, namedPort: http } }"],
    [
      "an address for IPv4 and IPv6",
      '{ socketAddress: { address: "::", portValue: 443, ipv4Compat: true } }',
    ],
  ] as const
) {
  Deno.test(`adoptEnvoyConfig() replaces ${form} whole, of listeners, endpoints and the admin`, async () => {
    const text = FOREIGN.replaceAll(/\{ socketAddress: \{ [^}]* \} \}/g, address);
    const { bootstrap } = await launched(`admin: { address: ${address} }\n${text}`);
    const written = JSON.stringify(bootstrap);
    assert.doesNotMatch(written, /pipe|named_port|ipv4_compat|0\.0\.0\.0|"::"/);
    assert.equal(
      valueAt(bootstrap, "static_resources/listeners/0/address/socket_address/port_value"),
      0,
    );
  });
}

Deno.test("adoptEnvoyConfig() opens nothing of the file's own: further addresses, and what LDS would bring", async () => {
  const text = FOREIGN.replace(
    "    - name: other",
    "      additionalAddresses: [ { address: { socketAddress: { address: 0.0.0.0, portValue: 8443 } } } ]\n    - name: other",
  ) + "dynamicResources: { ldsConfig: { ads: {} } }\n";
  const { bootstrap, adjustments } = await launched(text);
  assert.doesNotMatch(JSON.stringify(bootstrap), /8443|dynamic_resources|"port_value":(443|80)\b/);
  assert.match(adjustments, /"listener_0" has its first address alone/);
  assert.match(adjustments, /dynamic_resources are left away/);
});

const TLS_OF_OTHERS =
  '{ name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext, common_tls_context: { validation_context: { trusted_ca: { filename: /etc/gone/ca.pem } } } } }';

/** Parts of a file of another machine, how each is changed, and the note on it. */
const ELSEWHERE: readonly (readonly [string, (text: string) => string, RegExp])[] = [
  [
    "TLS that a cluster chooses by endpoint",
    (text) =>
      text.replace(
        "transportSocket: { name: tls }",
        `transportSocketMatches: [ { name: a, match: {}, transportSocket: ${TLS_OF_OTHERS} } ]`,
      ),
    /"openai" speaks plain text to our part/,
  ],
  [
    "the certificate of a cluster that nobody asks about",
    (text) =>
      `${text}    - { name: traces, type: STRICT_DNS, transportSocket: ${TLS_OF_OTHERS} }\n`,
    /"traces" leads nowhere: \/etc\/gone\/ca.pem is not on this machine/,
  ],
  [
    "endpoints of a control plane",
    (text) =>
      `${text}    - { name: traces, type: EDS, edsClusterConfig: { edsConfig: { ads: {} } } }\n`,
    /"traces" leads nowhere: its endpoints come by EDS/,
  ],
  [
    "connections that a firewall redirects",
    (text) => text.replace("      filterChains:", "      bindToPort: false\n      filterChains:"),
    /takes connections at its own address \(without bind_to_port\)/,
  ],
  [
    "a filter chain for other clients",
    (text) =>
      text.replace(
        "        - filters:",
        "        - filterChainMatch: { destinationPort: 443, prefixRanges: [ { addressPrefix: 10.0.0.0, prefixLen: 8 } ] }\n          filters:",
      ),
    /has the judged filter chain alone, for every connection$/m,
  ],
  [
    "a certificate by SDS",
    (text) =>
      text.replace(
        "        - filters:",
        '        - transportSocket: { name: t, typedConfig: { "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext, commonTlsContext: { tlsCertificateSdsSecretConfigs: [ { name: web, sdsConfig: { ads: {} } } ] } } }\n          filters:',
      ),
    /"listener_0" speaks plain text, and not TLS: the secret "web" comes by SDS/,
  ],
  [
    "a log in a folder of its own",
    (text) =>
      text.replace(
        "                statPrefix: in",
        '                statPrefix: in\n                accessLog: [ { name: a, typedConfig: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /var/log/gone/a.log } } ]',
      ),
    /An access log writes nowhere: there is no folder \/var\/log\/gone/,
  ],
  [
    "a filter by ECDS",
    (text) =>
      text.replace(
        "                httpFilters:",
        "                httpFilters:\n                  - { name: waf, configDiscovery: { configSource: { ads: {} }, typeUrls: [a/b] } }",
      ),
    /The filter "waf" of "listener_0" comes by ECDS: it is left away/,
  ],
];

for (const [what, edit, said] of ELSEWHERE) {
  Deno.test(`adoptEnvoyConfig() does without ${what}`, async () => {
    const text = edit(FOREIGN);
    assert.notEqual(text, FOREIGN);
    const { bootstrap, adjustments } = await launched(text);
    assert.match(adjustments, said);
    assert.doesNotMatch(JSON.stringify(bootstrap), /gone|"ads"|bind_to_port|filter_chain_match/);
  });
}

Deno.test("adoptEnvoyConfig() names a file that Envoy cannot do without", async () => {
  const text = FOREIGN.replace(
    "                httpFilters:",
    `                httpFilters:
                  - name: lua
                    typedConfig:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
                      defaultSourceCode: { filename: /etc/gone/a.lua }`,
  );
  await assert.rejects(
    launched(text),
    /would read "\/etc\/gone\/a.lua" \(static_resources\/listeners\/0\/.*default_source_code\/filename\)/,
  );
});

Deno.test("adoptEnvoyConfig() gives a cluster that discovers its endpoints the one of our part", async () => {
  const { bootstrap, adjustments } = await launched(
    FOREIGN.replace(
      "type: LOGICAL_DNS",
      "type: eds\n      edsClusterConfig: { edsConfig: { ads: {} } }",
    ),
  );
  assert.equal(valueAt(bootstrap, "static_resources/clusters/0/type"), "STATIC");
  assert.match(adjustments, /"openai" finds no endpoints of its own \(EDS\)/);
});

Deno.test("adoptEnvoyConfig() takes a cluster type in any case, and asks Google's engines by Envoy's client", async () => {
  const { policyCluster, adjustments } = await launched(
    FOREIGN.replaceAll("STRICT_DNS", "strict_dns").replace(
      "envoyGrpc: { clusterName: opa }",
      "googleGrpc: { targetUri: 127.0.0.1:9191, statPrefix: opa }",
    ),
  );
  assert.equal(policyCluster, "llmgate_policy_engine");
  assert.match(adjustments, /not by Google's at 127.0.0.1:9191/);
});

Deno.test("adoptEnvoyConfig() judges a route that chooses its cluster by a header", async () => {
  const chosen = FOREIGN.replace("cluster: small", "clusterHeader: x-target");
  const { adjustments } = await launched(chosen);
  assert.match(
    adjustments,
    /Route \/v1\/embeddings chooses its cluster by cluster_header: it goes to "openai"/,
  );
  const all = chosen.replace("cluster: openai", "clusterHeader: x-target");
  await assert.rejects(launched(all), /route \/ goes to what the header x-target names/);
});

Deno.test("adoptEnvoyConfig() says when nobody asks our policy", async () => {
  const text = FOREIGN.replace(
    "grpcService: { envoyGrpc: { clusterName: opa } }",
    "httpService: {}",
  );
  const { policyCluster, adjustments } = adoptEnvoyConfig(await parseEnvoyConfig(text, "own.yaml"));
  assert.equal(policyCluster, undefined);
  assert.match(adjustments.join("\n"), /our policy cannot stand in/);
});

Deno.test("adoptEnvoyConfig() and launchConfig() take any value anywhere without a fault of their own", () => {
  const file = bundledConfig("base");
  for (const path of leavesAndAbove(file.bootstrap)) {
    for (const value of [null, "text", 7, [], {}, [null]]) {
      const bootstrap = structuredClone(file.bootstrap);
      setAt(bootstrap, path, value);
      try {
        const adopted = adoptEnvoyConfig({ ...file, bootstrap });
        launchConfig(adopted.file, {
          adminPort: 0,
          listeners: { [adopted.listener]: { host: "127.0.0.1", port: 0 } },
          clusters: { [adopted.upstreamCluster]: { host: "127.0.0.1", port: 2 } },
          pathPrefixes: { [adopted.upstreamCluster]: "/gateway" },
          accessLogPath: "/run/access.log",
        });
      } catch (error) {
        assert.ok(error instanceof UsageError, `${path} = ${JSON.stringify(value)}: ${error}`);
      }
    }
  }
});

function leavesAndAbove(value: Json, path = ""): string[] {
  const below = typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, child]) =>
      leavesAndAbove(child, path === "" ? key : `${path}/${key}`)
    )
    : [];
  return path === "" ? below : [path, ...below];
}

Deno.test("adoptEnvoyConfig() judges the listener that asks policy, where the first one leads to it", async () => {
  const { text, bootstrap } = bundledConfig("base");
  const front = `  listeners:
    - name: front
      address: { socket_address: { address: 0.0.0.0, port_value: 8443 } }
      filter_chains:
        - filters:
            - name: h
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: front
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes: [{ match: { prefix: / }, route: { cluster: inner } }]
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
`;
  const leading = (port: number) =>
    `  clusters:
    - name: inner
      load_assignment:
        cluster_name: inner
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }
`;
  const at = (port: number) =>
    text.replace(/^ {2}listeners:\n/m, front).replace(/^ {2}clusters:\n/m, leading(port));
  const port = Number(
    valueAt(bootstrap, "static_resources/listeners/0/address/socket_address/port_value"),
  );
  const judged = adoptEnvoyConfig(await parseEnvoyConfig(at(port), "two.yaml"));
  assert.equal(judged.listener, "ingress");
  assert.match(judged.adjustments.join("\n"), /"front" leads to "ingress", which asks policy/);
  const past = adoptEnvoyConfig(await parseEnvoyConfig(at(1), "two.yaml"));
  assert.equal(past.listener, "front");
});
