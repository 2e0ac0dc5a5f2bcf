import assert from "node:assert/strict";
import { UsageError } from "../../service/mod.ts";
import { lintModel } from "../model.ts";
import { readTypedConfig } from "../typed.ts";
import type { Json } from "../tree.ts";
import { plainScalar } from "./scalars.ts";

const cluster = async (field: string): Promise<{ value: Json | undefined; kinds: string[] }> => {
  const text = `static_resources:\n  clusters:\n  - name: up\n    ${field}\n`;
  const { readings: [reading] } = await readTypedConfig(text, { name: "own.yaml" });
  assert.ok(reading);
  const [value] = (reading.root.static_resources as { clusters: Record<string, Json>[] }).clusters
    .map(({ name: _, ...rest }) => Object.values(rest)[0]);
  // Limits that such a short file lacks are another test's question.
  const kinds = reading.problems.map(({ kind }) => kind).filter((kind) => kind !== "limit");
  return { value, kinds };
};

/** Envoy 1.40's reading of each (`--mode validate`): the value, or the kind of its refusal. */
const FIELDS: readonly (readonly [string, Json | undefined, string?])[] = [
  ["respect_dns_ttl: yes", true],
  ["respect_dns_ttl: Y", true],
  ["respect_dns_ttl: On", true],
  ["respect_dns_ttl: oN", "oN", "wrong-value"],
  ["respect_dns_ttl: off", false],
  ["respect_dns_ttl: 'true'", true],
  ['respect_dns_ttl: "yes"', true],
  ["respect_dns_ttl: 1", 1, "wrong-value"],
  ["respect_dns_ttl: ~", undefined],
  ["respectDnsTtl: true", true],
  ["type: strict_dns", "STRICT_DNS"],
  ["type: 1", "STRICT_DNS"],
  ['type: "1"', "STRICT_DNS"],
  ["type: STRICT-DNS", "STRICT-DNS", "wrong-value"],
  ["connect_timeout: 1.5s", "1.5s"],
  ["connect_timeout: {seconds: 60}", "60s"],
  ["connect_timeout: {seconds: 1, nanos: 500000000}", "1.5s"],
  ["connect_timeout: 60", 60, "wrong-value"],
  ["connect_timeout: 1ms", "1ms", "wrong-value"],
  ["per_connection_buffer_limit_bytes: {value: 1024}", 1024],
  ["per_connection_buffer_limit_bytes: '1024'", 1024],
  ["per_connection_buffer_limit_bytes: 0x10", 16],
  ["per_connection_buffer_limit_bytes: 010", 8],
  ["per_connection_buffer_limit_bytes: 1e3", 1000],
  ["per_connection_buffer_limit_bytes: -1", -1, "wrong-value"],
  ["per_connection_buffer_limit_bytes: 1.5", "1.5", "wrong-value"],
  ["per_connection_buffer_limit_bytes: [5]", [5], "wrong-value"],
  ["alt_stat_name: yes", true, "wrong-value"],
  ["alt_stat_name: 1.5", "1.5"],
  ["alt_stat_name: 5", 5, "wrong-value"],
  ["AltStatName: a", "a", "unknown-field"],
  ["alt-stat-name: a", "a", "unknown-field"],
  ["health_checks: {}", [{}]],
  ["<<: {alt_stat_name: b}", { alt_stat_name: "b" }, "unknown-field"],
  ["hosts: []", [], "old-api"],
  ["alt_stat_name: '{{ name }}'", "{{ name }}"],
  ["respect_dns_ttl: '${TTL}'", "${TTL}", "template"],
  ["respect_dns_ttl: {{ ttl }}", "{{ ttl }}", "template"],
  [
    'transport_socket: {name: x, typed_config: {"@type": a/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer}}',
    {
      name: "x",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer",
      },
    },
  ],
];

for (const [field, value, kind] of FIELDS) {
  Deno.test(`readTypedConfig() reads "${field}" as Envoy does`, async () => {
    assert.deepEqual(await cluster(field), { value, kinds: kind === undefined ? [] : [kind] });
  });
}

Deno.test("readTypedConfig() takes a TypedStruct for the message that it stands for, and keeps places", async () => {
  const text = `static_resources:
  clusters:
  - name: up
    transport_socket:
      name: x
      typed_config:
        "@type": type.googleapis.com/xds.type.v3.TypedStruct
        type_url: type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        value:
          sni: "a.test"
          snii: "b"
`;
  const { readings: [reading] } = await readTypedConfig(text, { name: "own.yaml" });
  const at = "static_resources/clusters/0/transport_socket/typed_config";
  assert.deepEqual(reading?.locate(`${at}/sni`), { path: `${at}/value/sni`, line: 10, column: 11 });
  assert.deepEqual(reading?.problems, [{
    kind: "unknown-field",
    found: 'UpstreamTlsContext has no field "snii": is "sni" meant',
    path: `${at}/value/snii`,
    line: 11,
    column: 11,
  }]);
});

Deno.test("readTypedConfig() finds two fields of which Envoy takes one", async () => {
  const text =
    "static_resources:\n  clusters:\n  - name: up\n    type: STATIC\n    cluster_type: {name: a}\n";
  const { readings } = await readTypedConfig(text, { name: "own.yaml" });
  assert.deepEqual(readings[0]?.problems.map(({ kind, line }) => [kind, line]), [["conflict", 5]]);
});

Deno.test("readTypedConfig() reads anchors, and leaves out what is marked to be ignored", async () => {
  const text =
    "!ignore shared: &one {name: a}\nstatic_resources:\n  clusters: [*one, {<<: *one}]\n";
  const { readings } = await readTypedConfig(text, { name: "own.yaml" });
  assert.deepEqual(readings[0]?.root, {
    static_resources: { clusters: [{ name: "a" }, { "<<": { name: "a" } }] },
  });
});

Deno.test("readTypedConfig() gives up on aliases that grow without end", async () => {
  const levels = Array.from(
    { length: 9 },
    (_, index) => `!ignore l${index}: &l${index} [${`*l${index - 1},`.repeat(10)}]`,
  );
  const text = `!ignore l0: &l0 [a]\n${levels.slice(1).join("\n")}\nnode: {metadata: {a: *l8}}\n`;
  await assert.rejects(readTypedConfig(text, { name: "own.yaml" }), UsageError);
});

Deno.test("plainScalar() leaves what yaml-cpp takes for text", () => {
  for (const text of ["1_000", "08", "1.0", "0b1", "tRUE", "nUll", "1e3", "99999999999999999999"]) {
    assert.equal(plainScalar(text), text);
  }
});

const wrapped = (text: string) => text.replaceAll(/^/gm, "    ");
const BOOTSTRAP = "static_resources:\n  listeners:\n  - name: in\n";

Deno.test("readTypedConfig() reads the configuration that a ConfigMap or a Secret holds, with its lines", async () => {
  const map = `apiVersion: v1
kind: ConfigMap
metadata: {name: envoy}
data:
  run.sh: |
    exec envoy
  envoy.yaml: |
${wrapped(`${BOOTSTRAP}    nam: x\n`)}`;
  const { readings } = await readTypedConfig(map, { name: "map.yaml" });
  assert.deepEqual(readings.map(({ kind, part }) => [kind, part]), [[
    "bootstrap",
    "data/envoy.yaml",
  ]]);
  assert.deepEqual(readings[0]?.problems.map(({ path, line, column }) => [path, line, column]), [
    ["data/envoy.yaml/static_resources/listeners/0/nam", 11, 9],
  ]);
  const secret = JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: [{ apiVersion: "v1", kind: "Secret", data: { "envoy.yaml": btoa(BOOTSTRAP) } }],
  });
  const held = await readTypedConfig(secret, { name: "secret.json" });
  assert.deepEqual(held.readings.map(({ part }) => part), ["items/0/data/envoy.yaml"]);
});

Deno.test("readTypedConfig() judges the first of several documents, and says so", async () => {
  const first = await readTypedConfig(`---\n${BOOTSTRAP}---\nfoo: bar\n`, { name: "two.yaml" });
  assert.deepEqual(first.readings.map(({ kind }) => kind), ["bootstrap"]);
  assert.match(first.notes.join(), /document 2 is not looked at: it is a mapping with "foo"/);
  const second = await readTypedConfig(`foo: bar\n---\n${BOOTSTRAP}`, { name: "two.yaml" });
  assert.match(second.notes.join(), /Envoy reads the first document of a file alone/);
});

Deno.test("readTypedConfig() reads dumps and lists as tools print them", async () => {
  const listener = { name: "in", filterChains: [], address: {} };
  const dump = {
    configs: [{
      "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
      dynamic_listeners: [{
        active_state: {
          listener: {
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            name: "in",
          },
        },
      }],
    }],
  };
  const kinds = async (value: unknown) => {
    const { readings } = await readTypedConfig(JSON.stringify(value), { name: "x.json" });
    return readings.map(({ kind, part }) => [kind, part]);
  };
  assert.deepEqual(await kinds(dump), [["dump", ""]]);
  assert.deepEqual(await kinds({ "gateway-system": { "envoy-1": dump } }), [
    ["dump", "gateway-system/envoy-1"],
  ]);
  assert.deepEqual(await kinds({ xds: { "a/b": dump } }), [["dump", "xds/a/b"]]);
  assert.deepEqual(await kinds([listener]), [["resources", ""]]);
  assert.deepEqual(await kinds({ resources: [listener] }), [["resources", ""]]);
  assert.deepEqual(await kinds({ bootstrap: { node: { id: "a" } }, last_updated: "" }), [
    ["bootstrap", ""],
  ]);
});

Deno.test("readTypedConfig() reads a dump of some resources alone, and an array of dumps", async () => {
  const part = (type: string, value: Record<string, unknown>) => ({
    configs: [{ "@type": `type.googleapis.com/envoy.admin.v3.${type}`, ...value }],
  });
  const listener = { "@type": "type.googleapis.com/envoy.config.listener.v3.Listener", name: "in" };
  const dumps = [
    part("ListenersConfigDump.StaticListener", { listener }),
    part("ListenersConfigDump.DynamicListener", { active_state: { listener } }),
  ];
  const { readings } = await readTypedConfig(JSON.stringify(dumps), { name: "x.json" });
  assert.deepEqual(readings.map(({ kind, part }) => [kind, part]), [["dump", "0"], ["dump", "1"]]);
  for (const { root } of readings) {
    const model = lintModel(root, { trustedNames: [], modelRoutes: undefined });
    assert.deepEqual(model.listeners.map(({ value }) => value.name), ["in"]);
  }
});

/** Files that hold a bootstrap with a typo somewhere, the part that it is found in, and its line. */
const HOLDERS: readonly (readonly [string, string, string, number])[] = [
  [
    "a custom resource",
    `apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyProxy
metadata: {name: a}
spec:
  bootstrap:
    value: |
${wrapped(wrapped(`${BOOTSTRAP}    nam: x\n`))}`,
    "spec/bootstrap/value",
    10,
  ],
  [
    "a Compose file",
    `services: {}
configs:
  envoy:
    content: |
${wrapped(wrapped(`${BOOTSTRAP}    nam: x\n`))}`,
    "configs/envoy/content",
    8,
  ],
  [
    "a chart's values",
    `envoy:\n  config:\n${wrapped(`${BOOTSTRAP}    nam: x\n`)}`,
    "envoy/config",
    6,
  ],
  [
    "bytes of a ConfigMap",
    `apiVersion: v1
kind: ConfigMap
binaryData: {envoy.yaml: ${btoa(`${BOOTSTRAP}    nam: x\n`)}}
`,
    "binaryData/envoy.yaml",
    3,
  ],
];

for (const [what, text, part, line] of HOLDERS) {
  Deno.test(`readTypedConfig() finds the configuration in ${what}`, async () => {
    const { readings } = await readTypedConfig(text, { name: "x.yaml" });
    assert.deepEqual(readings.map((one) => [one.kind, one.part]), [["bootstrap", part]]);
    const typo = readings[0]?.problems.find(({ kind }) => kind === "unknown-field");
    assert.deepEqual(typo?.line, line);
  });
}

Deno.test("readTypedConfig() tells what a template left open: refused without quotes, and a text with them", async () => {
  const text =
    "static_resources:\n  listeners:\n  - name: {{ .Values.name }}\n    stat_prefix: '${P}'\n";
  const { readings: [reading] } = await readTypedConfig(text, { name: "x.yaml" });
  const templates = reading?.problems.filter(({ kind }) => kind === "template");
  assert.deepEqual(templates?.map(({ line }) => line), [3]);
  assert.deepEqual(reading?.unfilled.map(({ line }) => line), [4]);
});

Deno.test("readTypedConfig() says what a text is that no Envoy reads", async () => {
  const said = async (text: string, pattern: RegExp) => {
    await assert.rejects(readTypedConfig(text, { name: "x.yaml" }), (error: Error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, pattern);
      return true;
    });
  };
  await said(
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n",
    /a Kubernetes Deployment "web"/,
  );
  await said("services: {a: {image: b}}\n", /a mapping with "services"/);
  await said("", /it is empty/);
  await said("- a\n", /it is a list/);
  await said("a: [\n", /"x.yaml":2:1: /);
  await said('{"a": 1,, }', /"x.yaml":1:/);
});

Deno.test("readTypedConfig() finds a template that is no YAML, and reads the rest", async () => {
  const text = "static_resources:\n{% if tls %}\n  listeners: []\n{% endif %}\n";
  const { readings } = await readTypedConfig(text, { name: "x.yaml" });
  assert.deepEqual([...new Set(readings[0]?.problems.map(({ kind }) => kind))], ["template"]);
});

Deno.test("readTypedConfig() finds what Envoy checks beside types: what is needed, and limits", async () => {
  const text = `static_resources:
  clusters:
  - connect_timeout: 0s
    load_assignment: { cluster_name: "" }
  listeners:
  - name: in
    address: { socket_address: { address: 127.0.0.1, port_value: 70000 } }
`;
  const { readings } = await readTypedConfig(text, { name: "own.yaml" });
  assert.deepEqual(readings[0]?.problems.map(({ found, line }) => [line, found]), [
    [4, 'ClusterLoadAssignment: "cluster_name" must not be empty'],
    [3, 'Cluster: "name" is needed'],
    [3, 'Cluster: "connect_timeout" must be greater than 0'],
    [7, 'SocketAddress: "port_value" must be at most 65535'],
    [6, "Listener: it has no filter chains"],
  ]);
});

Deno.test("readTypedConfig() ends bombs of aliases, circles and depth with what is wrong", async () => {
  const bomb = Array.from(
    { length: 12 },
    (_, level) =>
      `a${level}: &a${level} [${
        Array.from({ length: 9 }, () => level === 0 ? "x" : `*a${level - 1}`).join(", ")
      }]`,
  ).join("\n");
  const rows: readonly (readonly [text: string, says: RegExp])[] = [
    [bomb, /bad\.yaml":\d+:\d+: its aliases put in more than 1000000 values/],
    ["a: &a\n  b: *a\n", /bad\.yaml":2:6: the alias \*a stands for nothing before it/],
    [`a: ${"[".repeat(20_000)}${"]".repeat(20_000)}`, /more than 200 levels/],
    [`a: ${"[".repeat(300)}${"]".repeat(300)}`, /more than 200 levels/],
    [Array.from({ length: 300 }, (_, level) => `${" ".repeat(level)}a:`).join("\n"), /200 levels/],
  ];
  for (const [text, says] of rows) {
    await assert.rejects(readTypedConfig(text, { name: "bad.yaml" }), says);
  }
  // Aliases as people use them, and as many values as a mesh has.
  const many = `x: &x {a: 1}\nlist: [${"*x, ".repeat(50_000)}]\n`;
  await readTypedConfig(`static_resources: {}\n${many}`, { name: "many.yaml" });
});

Deno.test("readTypedConfig() says what a text is that is neither YAML nor JSON", async () => {
  const rows: readonly (readonly [text: string, says: RegExp])[] = [
    ['# a\nstatic_resources {\n  listeners { name: "a" }\n}\n', /protobuf's text format/],
    ["\u0000\u0001", /binary, or no UTF-8/],
    [
      JSON.stringify({ "@type": "type.googleapis.com/envoy.config.core.v3.Address" }),
      /a part of a configuration \(Address\)/,
    ],
  ];
  for (const [text, says] of rows) {
    await assert.rejects(readTypedConfig(text, { name: "own" }), says);
  }
});
