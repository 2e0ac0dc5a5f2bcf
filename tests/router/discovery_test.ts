/** Journeys through a real Envoy while model servers come and go. */
import type { RouterPart } from "../../gateway/profiles/mod.ts";
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type EnvoyConfigFile, parseEnvoyConfig } from "../../envoy/mod.ts";
import type { Gateway } from "../../gateway/mod.ts";
import { DONE } from "../../openai/mod.ts";
import { HostList, parseHosts, startStaticDiscovery } from "../../router/mod.ts";
import { delay } from "../../service/mod.ts";
import { startUpstream, type Upstream } from "../../upstream/mod.ts";
import { startRouterGateway } from "../testing/router_stack.ts";
import { OLDER_ENVOY, patient } from "../testing/stack.ts";

const BODY = JSON.stringify({
  model: "gpt-3.5-turbo",
  messages: [{ role: "user", content: "Hi" }],
});

function chat(
  gateway: Gateway<RouterPart>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "demo-key", ...headers },
    body: BODY,
  });
}

/** Sends one request after the other, `width` at a time, and keeps what was not answered with 200. */
function startLoad(gateway: Gateway<RouterPart>, width: number) {
  const failures: string[] = [];
  const end = new AbortController();
  const client = async () => {
    while (!end.signal.aborted) {
      const response = await chat(gateway);
      const text = await response.text();
      if (response.status !== 200) failures.push(`${response.status} ${text}`);
    }
  };
  const clients = Array.from({ length: width }, client);
  return {
    async stop(): Promise<readonly string[]> {
      end.abort();
      await Promise.all(clients);
      return failures;
    },
  };
}

const hostsOf = (...upstreams: Upstream[]) =>
  parseHosts(upstreams.map(({ port }) => `127.0.0.1:${port}`).join(","));

/** Waits until Envoy has so many endpoints; the test's own time limit bounds it. */
async function endpointsInEnvoy(gateway: Gateway<RouterPart>, count: number): Promise<void> {
  const name = "cluster.backends.membership_total";
  while ((await gateway.envoy.admin.stats(name)).get(name) !== count) await delay(5);
}

/** The bundled configuration with its endpoints in a file. */
async function readingFile(): Promise<EnvoyConfigFile> {
  const { text } = await patient("router");
  const stream = /api_config_source:\n(?: {12}.*\n)+/;
  assert.match(text, stream);
  const changed = text.replace(stream, "path_config_source: { path: /dev/null }\n");
  return await parseEnvoyConfig(changed, "router-file.yaml");
}

interface Journey {
  readonly how: string;
  readonly envoyVersion?: string;
  readonly fromFile?: boolean;
}

const JOURNEYS: readonly Journey[] = [
  { how: "Envoy (default) asks the router" },
  { how: `Envoy ${OLDER_ENVOY} asks the router`, envoyVersion: OLDER_ENVOY },
  { how: "Envoy (default) reads a file", fromFile: true },
  { how: `Envoy ${OLDER_ENVOY} reads a file`, envoyVersion: OLDER_ENVOY, fromFile: true },
];

for (const { how, envoyVersion, fromFile } of JOURNEYS) {
  Deno.test(`hosts come and go under load, running streams go on: ${how}`, async () => {
    await using stack = new AsyncDisposableStack();
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => startUpstream()));
    for (const upstream of [first, second, third]) stack.use(upstream as Upstream);
    assert.ok(first && second && third);
    const folder = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const source = new HostList(hostsOf(first, second));
    const gateway = stack.use(
      await startRouterGateway({
        ...(envoyVersion === undefined ? {} : { envoyVersion }),
        ...(fromFile ? { config: await readingFile() } : {}),
        router: {
          source,
          // A request that was given a host must reach Envoy before that forgets it.
          lingerMs: 3_000,
          ...(fromFile ? { endpointFile: `${folder}/endpoints.json` } : {}),
        },
      }),
    );
    await endpointsInEnvoy(gateway, 2);
    const steps = [
      { headers: { headers: { "content-type": "text/event-stream" } } },
      { event: { data: "1" } },
      { barrier: "go" },
      { event: { data: DONE } },
      { end: true as const },
    ];
    for (const { scripts } of [first, second]) scripts.set("held", { steps });
    // Two streams, one on each of the first two hosts.
    const streams = [];
    for (let i = 0; i < 2; i++) {
      const { body } = await chat(gateway, { "x-mock-script": "held" });
      const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
      assert.equal((await reader?.read())?.value, "data: 1\n\n");
      streams.push(reader);
    }
    const load = startLoad(gateway, 4);
    source.replace(hostsOf(first, second, third));
    await third.journal.waitFor(() => true, { what: "A request at the new host" });
    source.replace(hostsOf(second, third));
    await endpointsInEnvoy(gateway, 2);
    const before = first.journal.entries().length;
    for (let i = 0; i < 6; i++) assert.equal((await chat(gateway).then(drained)).status, 200);
    assert.equal(first.journal.entries().length, before, "the removed host gets nothing more");
    for (const { barriers } of [first, second]) barriers.release("held/go");
    for (const reader of streams) {
      assert.equal((await reader?.read())?.value, `data: ${DONE}\n\n`);
      assert.equal((await reader?.read())?.done, true);
    }
    assert.deepEqual(await load.stop(), []);
  });
}

async function drained(response: Response): Promise<Response> {
  await response.text();
  return response;
}

Deno.test("with no host there is an error, and the first one to come is used", async () => {
  await using upstream = await startUpstream();
  const source = new HostList();
  await using gateway = await startRouterGateway({ router: { source } });
  const refused = await chat(gateway);
  assert.equal(refused.status, 503);
  assert.equal((await refused.json()).error.code, "no_backend");
  const there = new Promise<void>((resolve) => {
    gateway.part.router.onHosts((hosts) => hosts.length > 0 && resolve());
  });
  source.replace(hostsOf(upstream));
  await there;
  assert.equal((await chat(gateway).then(drained)).status, 200);
});

/** A Kubernetes API whose one watch says what the test wants it to. */
function startKubernetesApi() {
  const watching = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    if (!request.url.includes("watch=true")) {
      return Response.json({ metadata: { resourceVersion: "1" }, items: [] });
    }
    return new Response(new ReadableStream({ start: (stream) => watching.resolve(stream) }));
  });
  let version = 1;
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async tell(type: "ADDED" | "DELETED", port: number): Promise<void> {
      const object = {
        metadata: { name: "vllm", resourceVersion: String(++version) },
        addressType: "IPv4",
        endpoints: [{ addresses: ["127.0.0.1"], conditions: { ready: true } }],
        ports: [{ name: "http", port }],
      };
      const line = new TextEncoder().encode(`${JSON.stringify({ type, object })}\n`);
      (await watching.promise).enqueue(line);
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("a pod in Kubernetes is served while it is there, with the models that it lists", async () => {
  await using api = startKubernetesApi();
  await using pod = await startUpstream({ models: ["gpt-3.5-turbo"] });
  const kubernetes = { api: api.url, labelSelector: "app=vllm", env: () => undefined };
  await using gateway = await startRouterGateway({ router: { kubernetes } });
  const { router } = gateway.part;
  const hosts = (count: number) =>
    new Promise<void>((resolve) => {
      router?.onHosts((hosts) => hosts.length === count && resolve());
    });
  const answer = async () => {
    const response = await chat(gateway);
    return [response.status, (await response.json()).error?.code];
  };
  assert.deepEqual(await answer(), [503, "no_backend"]);
  const there = hosts(1);
  await api.tell("ADDED", pod.port);
  await there;
  assert.deepEqual(await answer(), [200, undefined]);
  const gone = hosts(0);
  await api.tell("DELETED", pod.port);
  await gone;
  assert.deepEqual(await answer(), [503, "no_backend"]);
});

const CERTIFICATES = new URL("../envoy/testdata/", import.meta.url).pathname;
const pem = (name: string) => Deno.readTextFileSync(`${CERTIFICATES}${name}.pem`);

/** A model server with TLS, made out to `upstream.test`, and the names that it was asked for. */
async function startTlsServer() {
  const asked: { sni: unknown; host: string | undefined }[] = [];
  const tls = { cert: pem("server"), key: pem("server.key") };
  const server = createServer(tls, (request, response) => {
    const { servername } = request.socket as TLSSocket & { servername?: string };
    asked.push({ sni: servername, host: request.headers.host });
    request.resume();
    response.setHeader("content-type", "application/json");
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  const on = `on Envoy ${envoyVersion ?? "(default)"}`;
  Deno.test(`hosts with TLS are verified against their names ${on}`, async () => {
    await using server = await startTlsServer();
    for (const [name, status] of [["upstream.test", 200], ["other.test", 503]] as const) {
      await using source = await startStaticDiscovery({
        hosts: parseHosts(`https://${name}:${server.port}`),
        resolve: () => Promise.resolve(["127.0.0.1"]),
      });
      await using gateway = await startRouterGateway({
        ...(envoyVersion === undefined ? {} : { envoyVersion }),
        router: { source, caFile: `${CERTIFICATES}ca.pem` },
      });
      const response = await chat(gateway);
      assert.equal(response.status, status, name);
      const { error } = await response.json();
      assert.equal(error?.code, status === 200 ? undefined : "upstream_unavailable");
    }
    assert.deepEqual(server.asked, [{ sni: "upstream.test", host: "upstream.test" }]);
  });
}
