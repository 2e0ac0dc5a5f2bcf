import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { bundledConfig, OVERLAY_TABLE, overlayChanges, parseEnvoyConfig } from "../../envoy/mod.ts";
import { parseUpstreamUrl } from "../../gateway/mod.ts";
import { EXPORTED, manifestsOf } from "../testing/exported.ts";
import {
  type ExportedFile,
  exportKubernetes,
  type KubernetesSettings,
} from "../../manifests/mod.ts";

type Given = KubernetesSettings & { readonly profile: string };

function kubernetesOf(given: Given): ExportedFile[] {
  return exportKubernetes(manifestsOf(given.profile), given);
}

function settings(
  profile: string,
  more: Partial<KubernetesSettings> = {},
): Given {
  return {
    profile,
    namespace: "models",
    replicas: 3,
    image: "llmgate:test",
    envoyImage: "envoyproxy/envoy:test",
    rules: "version: test\n",
    router: { routes: "[]", logic: "round_robin", labelSelector: "app=vllm" },
    ...more,
  };
}

const SHARED = {
  postgres: { secret: "db-app", key: "uri" },
  s3: { bucket: "files", secret: "bucket", endpoint: "https://minio.test:9000" },
};

// deno-lint-ignore no-explicit-any -- manifests are judged by schemas in tests/export
type Manifest = any;

function objectsOf(given: Given): Manifest[] {
  return kubernetesOf(given).filter(({ name }) => name !== "kustomization.yaml")
    .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS()));
}

function find(objects: Manifest[], kind: string, name: string): Manifest {
  const found = objects.find((one) => one.kind === kind && one.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found;
}

const names = (given: Given) => kubernetesOf(given).map(({ name }) => name);

Deno.test("each profile has its files, envoy-proxy.yaml and vllm-extproc.yaml among them", () => {
  assert.deepEqual(names(settings("router")), [
    "vllm-extproc.yaml",
    "policy-engine.yaml",
    "envoy-proxy.yaml",
    "kustomization.yaml",
  ]);
  assert.deepEqual(names(settings("base")), [
    "mock-upstream.yaml",
    "policy-engine.yaml",
    "envoy-proxy.yaml",
    "kustomization.yaml",
  ]);
  assert.deepEqual(names(settings("responses")), [
    "responses-gateway.yaml",
    "policy-engine.yaml",
    "envoy-proxy.yaml",
    "kustomization.yaml",
  ]);
});

Deno.test("parts that others stand in for are left out, and Envoy is sent to those", () => {
  const given = settings("base", {
    policy: { host: "opa.policy", port: 9191 },
    upstream: parseUpstreamUrl("https://api.test/gateway/v1"),
  });
  assert.deepEqual(names(given), ["envoy-proxy.yaml", "kustomization.yaml"]);
  const text = find(objectsOf(given), "ConfigMap", "envoy-proxy").data["envoy.yaml"];
  assert.match(text, /address: opa\.policy, port_value: 9191/);
  assert.match(text, /address: api\.test, port_value: 443/);
  assert.match(text, /prefix_rewrite: \/gateway\/v1\//);
});

Deno.test.each(EXPORTED.map((profile) => ({ profile })))(
  "the exported configuration of $profile differs from the file in the overlay's places alone",
  async ({ profile }) => {
    const file = bundledConfig(profile);
    const text = find(objectsOf(settings(profile)), "ConfigMap", "envoy-proxy").data["envoy.yaml"];
    const { bootstrap } = await parseEnvoyConfig(text, "exported");
    const changes = overlayChanges(file.bootstrap, bootstrap);
    assert.ok(changes.length > 0);
    for (const { what } of changes) assert.ok(OVERLAY_TABLE.some((row) => row.what === what));
    assert.equal(bootstrap.admin && JSON.stringify(bootstrap.admin).includes("127.0.0.1"), true);
    // Which line one stands on may change, its words not.
    const comments = (one: string) => one.match(/#.*/g)?.map((line) => line.trim()) ?? [];
    assert.deepEqual(comments(text).sort(), comments(file.text).sort());
  },
);

Deno.test.each([
  ...EXPORTED.map((profile) => ({ what: profile, given: settings(profile) })),
  { what: "shared responses", given: settings("responses", { shared: SHARED }) },
])(
  "the objects of $what refer to each other rightly",
  ({ given }) => {
    const objects = objectsOf(given);
    for (const { metadata } of objects) assert.equal(metadata.namespace, "models");
    const deployments = objects.filter(({ kind }) => kind === "Deployment");
    for (const { metadata: { name }, spec } of deployments) {
      const { template } = spec;
      const [container] = template.spec.containers;
      assert.deepEqual(spec.selector.matchLabels, template.metadata.labels);
      const { spec: reached } = find(objects, "Service", name);
      assert.deepEqual(reached.selector, template.metadata.labels);
      const ports = container.ports.map((port: Manifest) => port.name);
      assert.deepEqual(reached.ports.map((port: Manifest) => port.targetPort), ports);
      const { spec: rules } = find(objects, "NetworkPolicy", name);
      assert.deepEqual(rules.podSelector.matchLabels, template.metadata.labels);
      assert.deepEqual(rules.policyTypes, ["Ingress", "Egress"]);
      const volumes = template.spec.volumes.map((volume: Manifest) => volume.name);
      assert.deepEqual(container.volumeMounts.map((mount: Manifest) => mount.name), volumes);
      for (const { configMap, secret } of template.spec.volumes) {
        if (configMap) find(objects, "ConfigMap", configMap.name);
        if (secret) find(objects, "Secret", secret.secretName);
      }
      assert.equal(template.spec.securityContext.runAsNonRoot, true);
      assert.equal(container.securityContext.readOnlyRootFilesystem, true);
      assert.deepEqual(container.securityContext.capabilities.drop, ["ALL"]);
      for (const probe of ["readinessProbe", "livenessProbe", "startupProbe"]) {
        assert.ok(container[probe].grpc ?? container[probe].httpGet, `${name} ${probe}`);
      }
      const drain = container.lifecycle.preStop.sleep.seconds;
      assert.ok(template.spec.terminationGracePeriodSeconds > drain);
      assert.ok(container.resources.limits.memory && container.resources.requests.cpu);
    }
  },
);

Deno.test("the router may see EndpointSlices where the model servers are, and nothing else", () => {
  const router = { routes: "[]", logic: "random", labelSelector: "app=vllm", namespace: "gpu" };
  const objects = kubernetesOf(settings("router", { router }))
    .flatMap(({ text }) => parseAllDocuments(text).map((document) => document.toJS()));
  const role = find(objects, "Role", "vllm-extproc");
  assert.equal(role.metadata.namespace, "gpu");
  assert.deepEqual(role.rules, [{
    apiGroups: ["discovery.k8s.io"],
    resources: ["endpointslices"],
    verbs: ["get", "list", "watch"],
  }]);
  const { subjects, metadata } = find(objects, "RoleBinding", "vllm-extproc");
  assert.equal(metadata.namespace, "gpu");
  assert.deepEqual(subjects, [{
    kind: "ServiceAccount",
    name: "vllm-extproc",
    namespace: "models",
  }]);
  const { spec } = find(objects, "Deployment", "vllm-extproc").spec.template;
  assert.equal(spec.serviceAccountName, "vllm-extproc");
  assert.deepEqual(spec.containers[0].args.slice(5, 11), [
    "--service-discovery",
    "k8s",
    "--k8s-label-selector",
    "app=vllm",
    "--k8s-namespace",
    "gpu",
  ]);
});

Deno.test("a router with named hosts needs no account, and reaches their ports alone", () => {
  const router = {
    routes: "[]",
    logic: "random",
    labelSelector: "app=vllm",
    staticHosts: "a:8000,b:8000,https://api.test,http://c",
  };
  const objects = objectsOf(settings("router", { router }));
  assert.ok(!objects.some(({ kind }) => ["Role", "ServiceAccount"].includes(kind)));
  const { egress } = find(objects, "NetworkPolicy", "vllm-extproc").spec;
  const ports = egress[1].ports.map(({ port }: Manifest) => port);
  assert.deepEqual(ports, [8000, 443, 80]);
});

Deno.test("another configuration rolls out: the pods' annotation follows it", () => {
  const annotation = (given: Given, name: string) =>
    find(objectsOf(given), "Deployment", name).spec.template.metadata.annotations;
  const changed = settings("router", {
    router: { routes: "[1]", logic: "random", labelSelector: "app=vllm" },
  });
  const before = settings("router");
  assert.notDeepEqual(annotation(before, "vllm-extproc"), annotation(changed, "vllm-extproc"));
  assert.deepEqual(annotation(before, "envoy-proxy"), annotation(changed, "envoy-proxy"));
});

Deno.test("Envoy proves itself to router and Responses gateway by one Secret that the export names", () => {
  const secretOf = (objects: Manifest[], name: string) => {
    const [container] = find(objects, "Deployment", name).spec.template.spec.containers;
    return container.env.find(({ name }: Manifest) => name === "LLMGATE_PEER_SECRET")?.valueFrom
      .secretKeyRef;
  };
  const secret = { name: "llmgate-peer", key: "secret" };
  for (
    const [profile, part] of [["router", "vllm-extproc"], [
      "responses",
      "responses-gateway",
    ]] as const
  ) {
    const objects = objectsOf(settings(profile));
    assert.deepEqual(secretOf(objects, part), secret);
    assert.deepEqual(secretOf(objects, "envoy-proxy"), secret);
  }
  assert.equal(secretOf(objectsOf(settings("base")), "envoy-proxy"), undefined);
});

Deno.test("Responses gateways that share a database and a bucket are several, and hold no secret", () => {
  const objects = objectsOf(settings("responses", { shared: SHARED }));
  const kinds = objects.filter(({ metadata }) => metadata.name === "responses-gateway")
    .map(({ kind }) => kind);
  assert.ok(!kinds.includes("PersistentVolumeClaim") && !kinds.includes("Secret"));
  assert.ok(kinds.includes("PodDisruptionBudget"));
  const { spec } = find(objects, "Deployment", "responses-gateway");
  assert.equal(spec.replicas, 3);
  assert.equal(spec.strategy.type, "RollingUpdate");
  const [container] = spec.template.spec.containers;
  assert.ok(!container.args.includes("--data-dir"));
  const env = container.env.flatMap(({ name, valueFrom }: Manifest) =>
    valueFrom ? [[name, valueFrom.secretKeyRef.name, valueFrom.secretKeyRef.key].join(" ")] : []
  );
  assert.deepEqual(env, [
    "LLMGATE_PEER_SECRET llmgate-peer secret",
    "DATABASE_URL db-app uri",
    "AWS_ACCESS_KEY_ID bucket AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY bucket AWS_SECRET_ACCESS_KEY",
  ]);
  const { data } = find(objects, "ConfigMap", "responses-gateway");
  assert.match(data["extproc-config.yaml"], /postgres_env: DATABASE_URL/);
  assert.doesNotMatch(data["extproc-config.yaml"], /secret/);
  const { egress } = find(objects, "NetworkPolicy", "responses-gateway").spec;
  assert.deepEqual(egress[1].ports.map(({ port }: Manifest) => port), [11_434, 5_432, 9_000]);
});
