import assert from "node:assert/strict";
import { UnavailableError } from "../../../service/mod.ts";
import type { HostSource } from "../host_source.ts";
import { sliceOf, startApiServer } from "../testing/api_server.ts";
import { clusterAccess } from "./cluster_access.ts";
import { type K8sDiscoveryOptions, startK8sDiscovery } from "./k8s_discovery.ts";

const LOOPBACK = "127.0.0.1";
const env = () => undefined;

/** A pod: a model server on loopback that lists these models, or fails. */
function startPod(answer: () => string[] | number) {
  const server = Deno.serve({ hostname: LOOPBACK, port: 0, onListen() {} }, () => {
    const models = answer();
    if (typeof models === "number") return new Response("loading", { status: models });
    return Response.json({ data: models.map((id) => ({ id })) });
  });
  return { port: server.addr.port, [Symbol.asyncDispose]: () => server.shutdown() };
}

async function discover(url: string, options: Partial<K8sDiscoveryOptions> = {}) {
  return await startK8sDiscovery({
    access: await clusterAccess({ api: url, env }),
    namespace: "models",
    labelSelector: "app=vllm",
    modelsMs: 5,
    modelsRetryMs: 1,
    backoff: { firstMs: 1, longestMs: 4 },
    ...options,
  });
}

const shown = ({ hosts }: HostSource) =>
  hosts.map(({ endpoint, models }) => `${endpoint}=${[...models ?? ["*"]].join("|")}`).join(" ");

/** Resolves when the hosts are these. */
function until(source: HostSource, wanted: string): Promise<void> {
  if (shown(source) === wanted) return Promise.resolve();
  return new Promise((resolve) => {
    const listening = source.onChange(() => {
      if (shown(source) !== wanted) return;
      listening[Symbol.dispose]();
      resolve();
    });
  });
}

Deno.test("ready pods are hosts with the models that they list", async () => {
  await using pod = await startPod(() => ["m", "n"]);
  await using api = startApiServer();
  api.put(sliceOf("vllm-1", pod.port, LOOPBACK));
  await using source = await discover(api.url);
  assert.equal(shown(source), `${LOOPBACK}:${pod.port}=m|n`);
});

Deno.test("pods come and go, and what they serve changes", async () => {
  let models = ["m"];
  await using first = await startPod(() => models);
  await using second = await startPod(() => ["o"]);
  await using api = startApiServer();
  await using source = await discover(api.url);
  assert.equal(shown(source), "");
  await api.asked("watch", 1);
  api.put(sliceOf("vllm-1", first.port, LOOPBACK));
  const one = `${LOOPBACK}:${first.port}`;
  await until(source, `${one}=m`);
  models = ["m", "lora"];
  await until(source, `${one}=m|lora`);
  api.put(sliceOf("vllm-2", second.port, LOOPBACK));
  const both = [`${one}=m|lora`, `${LOOPBACK}:${second.port}=o`].sort().join(" ");
  await until(source, both);
  api.remove("vllm-1");
  await until(source, `${LOOPBACK}:${second.port}=o`);
});

Deno.test("a pod that still loads its model is no host yet", async () => {
  let answer: string[] | number = 503;
  await using pod = await startPod(() => answer);
  await using api = startApiServer();
  api.put(sliceOf("vllm-1", pod.port, LOOPBACK));
  const lines: string[] = [];
  await using source = await discover(api.url, { log: (line) => lines.push(line) });
  assert.equal(shown(source), "");
  assert.match(lines[0] ?? "", /^Cannot read the models of 127.*status 503$/);
  answer = ["m"];
  await until(source, `${LOOPBACK}:${pod.port}=m`);
});

Deno.test("the port may be said by number, over the one of the Service", async () => {
  await using pod = await startPod(() => ["m"]);
  await using api = startApiServer();
  api.put(sliceOf("vllm-1", 1, LOOPBACK));
  await using source = await discover(api.url, { port: pod.port });
  assert.equal(shown(source), `${LOOPBACK}:${pod.port}=m`);
});

Deno.test("an account without the right is refused at once, with what it needs", async () => {
  await using api = startApiServer();
  api.refuseNext(403);
  await assert.rejects(
    discover(api.url),
    (error) =>
      error instanceof UnavailableError &&
      /namespace "models".*endpointslices is forbidden \(403\).*list and watch/.test(error.message),
  );
});

Deno.test("an API that cannot be reached is tried again, and then given up", async () => {
  await assert.rejects(
    // Nobody serves on port 1 (tcpmux).
    discover(`http://${LOOPBACK}:1`, { readyMs: 30 }),
    (error) => error instanceof UnavailableError && /ECONNREFUSED|refused/.test(error.message),
  );
});

const pem = (name: string) =>
  Deno.readTextFileSync(
    new URL(`../../../tests/envoy/testdata/${name}.pem`, import.meta.url),
  );

Deno.test("a pod's own account reaches the API over TLS, and its token is read each time", async () => {
  const tls = { cert: pem("server"), key: pem("server.key") };
  await using api = startApiServer({ tls });
  const account = await Deno.makeTempDir();
  await Deno.writeTextFile(`${account}/ca.crt`, pem("ca"));
  await Deno.writeTextFile(`${account}/namespace`, "models\n");
  await Deno.writeTextFile(`${account}/token`, "first\n");
  const { hostname, port } = new URL(api.url);
  const place: Record<string, string> = {
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
  };
  const access = await clusterAccess({ env: (name) => place[name], account });
  await using source = await discover("http://unused", { access, namespace: undefined });
  assert.deepEqual(source.hosts, []);
  const watch = await api.asked("watch", 1);
  assert.equal(watch.path, "/apis/discovery.k8s.io/v1/namespaces/models/endpointslices");
  assert.equal(watch.authorization, "Bearer first");
  await Deno.writeTextFile(`${account}/token`, "second\n");
  api.endWatches();
  assert.equal((await api.asked("watch", 2)).authorization, "Bearer second");
  await Deno.remove(account, { recursive: true });
});
