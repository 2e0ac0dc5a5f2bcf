import assert from "node:assert/strict";
import { parse } from "yaml";
import { EXPORTED, manifestsOf } from "../testing/exported.ts";
import { type ComposeSettings, exportCompose } from "../../manifests/mod.ts";

function filesOf(
  profile: string,
  more: Partial<ComposeSettings> = {},
): Map<string, string> {
  const files = exportCompose(manifestsOf(profile), {
    port: 8088,
    image: "llmgate:test",
    envoyImage: "envoyproxy/envoy:test",
    rules: "version: test\n",
    router: { routes: "[]", logic: "round_robin", labelSelector: "" },
    ...more,
  });
  return new Map(files.map(({ name, text }) => [name, text]));
}

const composeOf = (files: Map<string, string>) => parse(files.get("compose.yaml") ?? "");

Deno.test.each(EXPORTED.map((profile) => ({ profile })))(
  "the Compose file of $profile mounts what is there, and serves on loopback",
  ({ profile }) => {
    const files = filesOf(profile);
    const { services, volumes = {} } = composeOf(files);
    assert.deepEqual(services["envoy-proxy"].ports, ["127.0.0.1:8088:8080"]);
    const known = Object.keys(services);
    assert.deepEqual([...services["envoy-proxy"].depends_on, "envoy-proxy"].sort(), known.sort());
    for (const service of Object.values<{ volumes?: string[] }>(services)) {
      for (const volume of service.volumes ?? []) {
        const [source = ""] = volume.split(":");
        if (source.startsWith("./")) assert.ok(files.has(source.slice(2)), source);
        else assert.ok(source in volumes, source);
      }
    }
    // Envoy finds every part under its service's name.
    const names = known.filter((name) => !/^(envoy-proxy|ollama|model-\d)$/.test(name));
    for (const name of names) {
      assert.ok(files.get("envoy.yaml")?.includes(`address: ${name},`), name);
    }
  },
);

Deno.test("Compose wants the secret by which Envoy proves itself, and hands it to both sides", () => {
  for (const [profile, part] of [["router", "vllm-extproc"], ["responses", "responses-gateway"]]) {
    const { services } = composeOf(filesOf(profile ?? ""));
    for (const name of ["envoy-proxy", part ?? ""]) {
      const { LLMGATE_PEER_SECRET: value } = services[name].environment;
      assert.match(value, /^\$\{LLMGATE_PEER_SECRET:\?[^}$]*\}$/, name);
    }
    assert.equal(services["policy-engine"].environment, undefined);
  }
  assert.equal(composeOf(filesOf("base")).services["envoy-proxy"].environment, undefined);
});

Deno.test("the router gets mock model servers unless hosts are given", () => {
  const own = composeOf(filesOf("router")).services;
  assert.ok(own["model-3"]);
  const router = { routes: "[]", logic: "random", labelSelector: "", staticHosts: "gpu:8000" };
  const { services } = composeOf(filesOf("router", { router }));
  assert.equal(services["model-1"], undefined);
  assert.ok(services["vllm-extproc"].command.includes("gpu:8000"));
});

Deno.test("the Responses gateway gets Ollama unless a model server is given", () => {
  const files = filesOf("responses");
  assert.ok(composeOf(files).services.ollama);
  assert.match(files.get("extproc-config.yaml") ?? "", /model_endpoint: http:\/\/ollama:11434\/v1/);
  const other = filesOf("responses", { modelEndpoint: "http://vllm:8000/v1" });
  assert.equal(composeOf(other).services.ollama, undefined);
  assert.match(other.get("extproc-config.yaml") ?? "", /model_endpoint: http:\/\/vllm:8000\/v1/);
});
