import assert from "node:assert/strict";
import { bundledConfig, bundledConfigNames, parseEnvoyConfig } from "./config_file.ts";
import {
  blanked,
  type EnvoyOverlay,
  formatChanges,
  launchConfig,
  OVERLAY_TABLE,
  overlayChanges,
} from "./overlay.ts";
import { differences, type JsonObject, liesWithin, objectsAt, setAt, valueAt } from "./tree.ts";

const TLS = { caFile: "/ca.pem", certFile: "/cert.pem", keyFile: "/key.pem" };

const EVERYTHING: EnvoyOverlay = {
  adminPort: 0,
  adminKey: "key-of-this-run",
  maxConnections: 448,
  listeners: { ingress: { host: "0.0.0.0", port: 0 } },
  clusters: {
    policy_engine: { host: "policy.test", port: 1, tls: TLS },
    upstream: { host: "api.test", port: 443, tls: { caFile: "/ca.pem" } },
  },
  pathPrefixes: { upstream: "/gateway" },
  accessLogPath: "/run/access.log",
};

/** Fields that only the edge profile has. */
const EDGE: EnvoyOverlay = {
  certificateFolder: "/run/tls",
  tokens: { issuer: "https://issuer.test", audience: "gateway" },
};

/** Ways to swap the parts; none may change either hash. */
const SWAPS: Record<string, EnvoyOverlay> = {
  "nothing set": {},
  "other ports": { adminPort: 1, listeners: { ingress: { host: "127.0.0.1", port: 2 } } },
  "a foreign policy engine": { clusters: { policy_engine: { host: "10.0.0.1", port: 3 } } },
  "a foreign policy engine with mTLS": {
    clusters: { policy_engine: { host: "policy.test", port: 3, tls: TLS } },
  },
  "a foreign upstream": { clusters: { upstream: { host: "vllm.test", port: 8000 } } },
  "a foreign upstream with TLS and a path": {
    clusters: { upstream: { host: "api.test", port: 443, tls: { caFile: "/ca.pem" } } },
    pathPrefixes: { upstream: "/openai" },
  },
  "everything": EVERYTHING,
};

for (
  const { overlay, swap } of Object.entries(SWAPS).map(([swap, overlay]) => ({ swap, overlay }))
) {
  Deno.test(`launchConfig() keeps both hashes with ${swap}`, () => {
    const file = bundledConfig("base");
    const plain = launchConfig(file, {});
    const launched = launchConfig(file, overlay);
    assert.equal(launched.configSha256, plain.configSha256);
    assert.equal(launched.launchedSha256, plain.launchedSha256);
  });
}

Deno.test("launchConfig() changes nothing that the overlay table does not list", () => {
  for (const name of bundledConfigNames()) {
    const file = bundledConfig(name);
    const { bootstrap, changes } = launchConfig(
      file,
      name === "base" ? EVERYTHING : {
        adminPort: 0,
        accessLogPath: "/run/access.log",
      },
    );
    assert.deepEqual(differences(blanked(file.bootstrap), blanked(bootstrap)), []);
    for (const { path } of changes) {
      assert.ok(OVERLAY_TABLE.some((row) => liesWithin(path, row.path)), path);
    }
  }
});

Deno.test("launchConfig() with everything set reaches every row but those of other profiles", () => {
  const { changes } = launchConfig(bundledConfig("edge"), { ...EVERYTHING, ...EDGE });
  const reached = new Set(changes.map(({ what }) => what));
  const unreached = OVERLAY_TABLE.map(({ what }) => what).filter((what) => !reached.has(what));
  // The admin's address is loopback in the file already; edge has no discovery of endpoints.
  assert.deepEqual(unreached, ["admin address", "longest request body", "discovery file"]);
});

Deno.test("launchConfig() puts each watched certificate into the folder, under its own name", () => {
  const file = bundledConfig("edge");
  const { bootstrap, launchedSha256 } = launchConfig(file, EDGE);
  assert.equal(launchedSha256, launchConfig(file, {}).launchedSha256);
  const text = JSON.stringify(bootstrap);
  for (const name of ["server", "clients", "upstream"]) {
    assert.ok(text.includes(`"/run/tls/${name}.sds.yaml"`), name);
  }
  assert.ok(!text.includes('"tls/') && !text.includes('"path":"tls"'));
});

Deno.test("the launched hash changes with any value outside the overlay table", () => {
  const file = bundledConfig("base");
  const before = launchConfig(file, {}).launchedSha256;
  const edited = structuredClone(file.bootstrap);
  setAt(edited, "static_resources/clusters/0/connect_timeout", "2s");
  assert.notEqual(launchConfig({ ...file, bootstrap: edited }, {}).launchedSha256, before);
});

Deno.test("overlayChanges() refuses a difference that no row allows", () => {
  const file = bundledConfig("base").bootstrap;
  const edited = structuredClone(file);
  setAt(edited, "static_resources/clusters/0/connect_timeout", "2s");
  assert.throws(
    () => overlayChanges(file, edited),
    /"static_resources\/clusters\/0\/connect_timeout" differs from the file/,
  );
});

Deno.test("launchConfig() gives a listener that follows another one its address, UDP as TCP", () => {
  const { bootstrap } = launchConfig(bundledConfig("check/tls"), {
    listeners: { ingress: { host: "127.0.0.2", port: 8443 } },
  });
  const addresses = objectsAt(bootstrap, "static_resources/listeners/*/address/socket_address");
  assert.deepEqual(addresses, [
    { address: "127.0.0.2", port_value: 8443 },
    { protocol: "UDP", address: "127.0.0.2", port_value: 8443 },
  ]);
});

Deno.test("launchConfig() sets typed values where Envoy looks for them", () => {
  const { bootstrap, text } = launchConfig(bundledConfig("base"), EVERYTHING);
  const upstream = "static_resources/clusters/1";
  const endpoint = `${upstream}/load_assignment/endpoints/0/lb_endpoints/0`;
  assert.equal(valueAt(bootstrap, `${endpoint}/endpoint/address/socket_address/port_value`), 443);
  assert.equal(valueAt(bootstrap, `${endpoint}/endpoint/hostname`), "api.test");
  assert.deepEqual(
    valueAt(bootstrap, `${endpoint}/metadata/filter_metadata/envoy.transport_socket_match`),
    { transport: "tls" },
  );
  assert.deepEqual(JSON.parse(text), bootstrap);
});

Deno.test("launchConfig() keeps a port in Host but not in SNI", () => {
  const hostname = (overlay: EnvoyOverlay) =>
    valueAt(
      launchConfig(bundledConfig("base"), overlay).bootstrap,
      "static_resources/clusters/1/load_assignment/endpoints/0/lb_endpoints/0/endpoint/hostname",
    );
  const at = { host: "api.test", port: 8443 };
  assert.equal(hostname({ clusters: { upstream: at } }), "api.test:8443");
  assert.equal(hostname({ clusters: { upstream: { host: "::1", port: 80 } } }), "[::1]:80");
  const tls = { caFile: "/ca.pem" };
  assert.equal(hostname({ clusters: { upstream: { ...at, tls } } }), "api.test");
  assert.equal(
    hostname({ clusters: { upstream: { ...at, hostname: "api.test:8443", tls } } }),
    "api.test",
  );
});

Deno.test("launchConfig() puts the path prefix before /v1/ and leaves /healthz alone", () => {
  const routes = "static_resources/listeners/0/filter_chains/0/filters/0/typed_config" +
    "/route_config/virtual_hosts/0/routes";
  const { bootstrap } = launchConfig(bundledConfig("base"), EVERYTHING);
  assert.equal(valueAt(bootstrap, `${routes}/1/route/prefix_rewrite`), "/gateway/v1/");
  assert.equal(valueAt(bootstrap, `${routes}/0/route`), undefined);
  const none = launchConfig(bundledConfig("base"), { pathPrefixes: { upstream: "" } });
  assert.deepEqual(none.changes, []);
});

Deno.test("launchConfig() names what a configuration has when it lacks a cluster", () => {
  assert.throws(
    () => launchConfig(bundledConfig("base"), { clusters: { nobody: { host: "a", port: 1 } } }),
    /it has no cluster "nobody", only "policy_engine", "upstream"/,
  );
});

Deno.test("launchConfig() refuses TLS for a cluster without a TLS transport socket", async () => {
  const bootstrap: JsonObject = { static_resources: { clusters: [{ name: "plain" }] } };
  const file = await parseEnvoyConfig(JSON.stringify(bootstrap), "own.json");
  assert.throws(
    () => launchConfig(file, { clusters: { plain: { host: "a", port: 1, tls: TLS } } }),
    /Cannot use TLS for the cluster "plain"/,
  );
});

Deno.test("formatChanges() prints what, from, to and where", () => {
  const { changes } = launchConfig(bundledConfig("base"), { adminPort: 0 });
  assert.equal(
    formatChanges(changes),
    "admin port: 9901 -> 0\n    admin/address/socket_address/port_value\n",
  );
});

Deno.test("launchConfig() gives a cluster that follows another the same address", () => {
  const { bootstrap } = launchConfig(bundledConfig("check/resilience"), {
    clusters: { upstream: { host: "10.0.0.1", port: 7 } },
    pathPrefixes: { upstream: "/gateway" },
  });
  const ports = objectsAt(bootstrap, "static_resources/clusters/*").map((cluster) => [
    cluster.name,
    valueAt(
      cluster,
      "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value",
    ),
  ]);
  assert.deepEqual(Object.fromEntries(ports), {
    policy_engine: 9002,
    upstream: 7,
    upstream_narrow: 7,
    refused: 1,
    blackhole: undefined,
  });
  const rewrites = objectsAt(
    bootstrap,
    "static_resources/listeners/0/filter_chains/0/filters/0/typed_config/route_config/virtual_hosts/0/routes/*/route",
  ).map(({ cluster, prefix_rewrite }) => `${cluster} ${prefix_rewrite}`);
  assert.ok(rewrites.includes("upstream_narrow /gateway/v1/"));
  assert.ok(rewrites.includes("refused /v1/"));
});

Deno.test("maxConnections lowers what the file lets in, and never raises it", () => {
  const path =
    "overload_manager/resource_monitors/0/typed_config/max_active_downstream_connections";
  const most = (maxConnections: number) =>
    valueAt(launchConfig(bundledConfig("base"), { maxConnections }).bootstrap, path);
  assert.equal(most(448), 448);
  assert.equal(most(Infinity), 50_000);
  assert.equal(most(100_000), 50_000);
});

Deno.test("where few connections fit, a silent one gives its place back soon", () => {
  const path =
    "static_resources/listeners/0/filter_chains/0/filters/0/typed_config/common_http_protocol_options/idle_timeout";
  for (const profile of ["base", "router", "responses", "edge"]) {
    const idle = (maxConnections: number) =>
      valueAt(launchConfig(bundledConfig(profile), { maxConnections }).bootstrap, path);
    assert.equal(idle(448), "10s", profile);
    assert.equal(idle(Infinity), "300s", profile);
  }
});
