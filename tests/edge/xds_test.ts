/** `llmgate xds` and the Envoys that take their configuration from it: both variants, changes under streams, NACKs. */
import assert from "node:assert/strict";
import { connect } from "node:tls";
import { connectGrpc } from "../../grpc/mod.ts";
import { prepareTlsFolder } from "../../certs/mod.ts";
import {
  type EnvoyConfigFile,
  messageEncoder,
  parseEnvoyConfig,
  type RunningEnvoy,
  startEnvoy,
} from "../../envoy/mod.ts";
import { makePeerSecret, PEER_SECRET_ENV } from "../../service/mod.ts";
import { startUpstream, type Upstream, type UpstreamStep } from "../../upstream/mod.ts";
import {
  adsBootstrap,
  type ServedConfig,
  servedConfig,
  startXds,
  type Variant,
  type Xds,
} from "../../xds/mod.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

/** Streams of each of the two Envoys. */
const STREAMS = 100;
const ROUNDS = 4;
const PIECES = ["data: 1\n\n", "data: 2\n\n", "data: [DONE]\n\n"];

interface Written {
  /** Name and port of the one cluster. */
  readonly cluster: string;
  readonly port: number;
  /** Value of a header that the route sets. */
  readonly route: string;
  /** A path that a filter closes. */
  readonly closed: string;
  readonly connectTimeout?: string;
}

/** A gateway with one of each kind. */
function textOf({ cluster, port, route, closed, connectTimeout = "1s" }: Written): string {
  const types = "type.googleapis.com/envoy.extensions.filters";
  return `
static_resources:
  listeners:
  - name: ingress
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": ${types}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          route_config:
            name: main
            virtual_hosts:
            - name: all
              domains: ["*"]
              response_headers_to_add: [{ header: { key: x-route, value: "${route}" } }]
              routes: [{ match: { prefix: / }, route: { cluster: ${cluster}, timeout: 0s } }]
          http_filters:
          - name: closed
            typed_config:
              "@type": ${types}.http.rbac.v3.RBAC
              rules:
                action: DENY
                policies:
                  closed:
                    permissions: [{ url_path: { path: { exact: ${closed} } } }]
                    principals: [{ any: true }]
          - name: envoy.filters.http.router
            typed_config: { "@type": ${types}.http.router.v3.Router }
  clusters:
  - name: ${cluster}
    connect_timeout: ${connectTimeout}
    circuit_breakers: { thresholds: [{ max_connections: 5000, max_requests: 5000, max_pending_requests: 5000 }] }
    load_assignment:
      cluster_name: ${cluster}
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }
`;
}

async function served(written: Written): Promise<ServedConfig> {
  const file = await parseEnvoyConfig(textOf(written), "served.yaml");
  return await servedConfig(file, { encode: await messageEncoder(), listeners: false });
}

/** An Envoy of this server, on a free port. */
async function startFollower(
  config: ServedConfig,
  { xds, variant, folder, secret }: {
    xds: { readonly host: string; readonly port: number };
    variant: Variant;
    folder: string;
    /** The secret of the server, for the Envoy's environment. */
    secret?: string;
  },
): Promise<RunningEnvoy & { readonly url: string }> {
  const runDir = `${folder}/${variant}`;
  await Deno.mkdir(runDir, { recursive: true });
  const bootstrap = adsBootstrap(config, {
    ...xds,
    variant,
    node: variant,
    secret: secret !== undefined,
  });
  const file: EnvoyConfigFile = {
    name: "bootstrap.json",
    text: JSON.stringify(bootstrap),
    sha256: "",
    bootstrap,
  };
  const envoy = await startEnvoy({
    path: await envoyPath(),
    config: file,
    overlay: { adminPort: 0, listeners: { ingress: { host: "127.0.0.1", port: 0 } } },
    runDir,
    concurrency: 1,
    graceMs: 0,
    ...(secret === undefined ? {} : { env: { [PEER_SECRET_ENV]: secret } }),
  });
  return { ...envoy, url: `http://127.0.0.1:${envoy.listeners.get("ingress")?.port}` };
}

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-xds-test-" });
  try {
    return await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Publishes, and waits until both Envoys have taken all of it. */
async function published(xds: Xds, { snapshot }: ServedConfig): Promise<void> {
  const before = xds.journal.entries().length;
  xds.publish(snapshot);
  for (const node of ["sotw", "delta"]) {
    await xds.journal.waitFor((event) =>
      event.word === "taken" && event.node === node &&
      xds.journal.entries().indexOf(event) >= before
    );
  }
}

/** A stream that has begun, and goes on when it may. */
function longStream(): UpstreamStep[] {
  const [first = "", ...rest] = PIECES;
  return [
    { headers: { status: 200, headers: { "content-type": "text/event-stream" } } },
    { write: first },
    { barrier: "changed" },
    ...rest.map((write) => ({ write })),
    { end: true },
  ];
}

async function ask(url: string, { path = "/v1/chat/completions", script = "" } = {}) {
  const response = await fetch(`${url}${path}`, {
    method: "POST",
    headers: script === "" ? {} : { "x-mock-script": script },
    body: "{}",
  });
  return {
    status: response.status,
    route: response.headers.get("x-route"),
    text: await response.text(),
  };
}

/** Serial number of the certificate that a port shows. */
function serialOf(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().serialNumber);
    socket.destroy();
  });
  socket.on("error", reject);
  return promise;
}

const requestsOf = (upstream: Upstream) => upstream.journal.entries().length;

Deno.test("two hundred streams of two Envoys run over changes by ADS of every kind, in either variant", () =>
  inFolder(async (folder) => {
    await using first = await startUpstream({});
    await using second = await startUpstream({});
    const at = (round: number): Written => ({
      cluster: `round-${Math.floor(round / 2)}`,
      port: (round % 2 === 0 ? first : second).port,
      route: `r${round}`,
      closed: `/closed-${round}`,
    });
    const begin = await served(at(0));
    await using xds = await startXds({ port: 0, snapshot: begin.snapshot });
    await using sotw = await startFollower(begin, { xds, variant: "sotw", folder });
    await using delta = await startFollower(begin, { xds, variant: "delta", folder });
    first.scripts.set("long", { steps: longStream() });
    const running = [sotw, delta].flatMap(({ url }) =>
      Array.from({ length: STREAMS }, () => ask(url, { script: "long" }))
    );
    await first.barriers.arrival("long/changed", { count: 2 * STREAMS, deadlineMs: 60_000 });
    for (let round = 1; round <= ROUNDS; round++) {
      const written = at(round);
      // Every other round has another cluster, the rest the same with another endpoint.
      await published(xds, await served(written));
      for (const { url } of [sotw, delta]) {
        const upstream = round % 2 === 0 ? first : second;
        const before = requestsOf(upstream);
        assert.equal((await ask(url, { path: "/v1/models" })).route, written.route);
        assert.equal(requestsOf(upstream), before + 1, `round ${round}`);
        assert.equal((await ask(url, { path: written.closed })).status, 403);
      }
      await published(xds, await served({ ...written, connectTimeout: `${round + 1}s` }));
      assert.equal((await ask(sotw.url, { path: "/v1/models" })).route, written.route);
      assert.equal((await ask(delta.url, { path: "/v1/models" })).route, written.route);
    }
    first.barriers.releaseAll();
    const answers = await Promise.all(running);
    assert.equal(answers.filter(({ text }) => text === PIECES.join("")).length, 2 * STREAMS);
    assert.deepEqual(xds.journal.entries().filter(({ word }) => word === "nack"), []);
  }));

Deno.test("an Envoy that refuses is heard with its reason and keeps the old", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const written = { cluster: "up", port: upstream.port, route: "good", closed: "/closed" };
    const good = await served(written);
    await using xds = await startXds({ port: 0, snapshot: good.snapshot });
    await using sotw = await startFollower(good, { xds, variant: "sotw", folder });
    await using delta = await startFollower(good, { xds, variant: "delta", folder });
    // No validation stands before this: the types take it, and Envoy does not.
    const bad = await served({ ...written, cluster: "other", route: "bad", connectTimeout: "-1s" });
    xds.publish(bad.snapshot);
    for (const node of ["sotw", "delta"]) {
      const refused = await xds.journal.waitFor((event) =>
        event.word === "nack" && event.node === node
      );
      assert.equal(refused.type, "CDS");
      assert.match(refused.reason ?? "", /positive duration/i);
      assert.ok(refused.version);
      await xds.journal.waitFor((event) => event.word === "held" && event.node === node);
    }
    for (const { url } of [sotw, delta]) {
      assert.equal((await ask(url, { path: "/v1/models" })).route, "good");
    }
    await published(xds, await served({ ...written, route: "better" }));
    for (const { url } of [sotw, delta]) {
      assert.equal((await ask(url, { path: "/v1/models" })).route, "better");
    }
  }));

Deno.test("an Envoy goes on without the server, and takes what it has missed when there is one again", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const written = { cluster: "up", port: upstream.port, route: "one", closed: "/closed" };
    const one = await served(written);
    const xds = await startXds({ port: 0, snapshot: one.snapshot });
    const { host, port } = xds;
    await using sotw = await startFollower(one, { xds, variant: "sotw", folder });
    await using delta = await startFollower(one, { xds, variant: "delta", folder });
    await xds[Symbol.asyncDispose]();
    for (const { url } of [sotw, delta]) {
      assert.equal((await ask(url, { path: "/v1/models" })).route, "one");
    }
    const two = await served({ ...written, route: "two", closed: "/closed-now" });
    await using again = await startXds({ host, port, snapshot: two.snapshot });
    for (const node of ["sotw", "delta"]) {
      await again.journal.waitFor((event) =>
        event.word === "ack" && event.type === "ECDS" && event.node === node
      );
      await again.journal.waitFor((event) =>
        event.word === "ack" && event.type === "RDS" && event.node === node
      );
    }
    for (const { url } of [sotw, delta]) {
      assert.equal((await ask(url, { path: "/v1/models" })).route, "two");
    }
    // Clusters had not changed: the incremental variant tells their versions and hears nothing again.
    const clusters = again.journal.entries().filter(({ word, type, node }) =>
      word === "sent" && type === "CDS" && node === "delta"
    );
    assert.deepEqual(clusters.map(({ names }) => names), [[]]);
  }));

Deno.test("a server with a secret serves the Envoy that has it, and hears nothing of others", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const config = await served({
      ...{ cluster: "up", port: upstream.port, route: "one", closed: "/closed" },
    });
    const secret = makePeerSecret();
    await using xds = await startXds({ port: 0, snapshot: config.snapshot, peerSecret: secret });
    await using sotw = await startFollower(config, { xds, variant: "sotw", folder, secret });
    assert.equal((await ask(sotw.url, { path: "/v1/models" })).route, "one");
    using stranger = connectGrpc({ address: xds.address });
    const service = "/envoy.service.discovery.v3.AggregatedDiscoveryService";
    const stream = stranger.bidi(`${service}/DeltaAggregatedResources`, { deadlineMs: 60_000 });
    await assert.rejects(Array.fromAsync(stream.messages), /UNAUTHENTICATED/);
    assert.deepEqual(xds.journal.entries().filter(({ node }) => node !== "sotw"), []);
  }));

Deno.test("a certificate in a file is served by SDS, and its renewal reaches Envoy", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const tls = `${folder}/tls`;
    await prepareTlsFolder(tls);
    const text = textOf({ cluster: "up", port: upstream.port, route: "one", closed: "/closed" })
      .replace(
        "    - filters:\n",
        `    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificate_sds_secret_configs:
            - name: server
              sds_config: { path_config_source: { path: ${tls}/server.sds.yaml } }
      filters:\n`,
      );
    const path = `${folder}/tls.yaml`;
    await Deno.writeTextFile(path, text);
    await using program = startProgram([
      ...["xds", path, "--port", "0", "--json", "--envoy-path", await envoyPath()],
    ]);
    const ready = JSON.parse(await program.line());
    assert.equal(ready.resources.Secret, 1);
    const config = await servedConfig(await parseEnvoyConfig(text, "tls.yaml"), {
      encode: await messageEncoder(),
      listeners: false,
    });
    const [host = "", port = ""] = ready.xds.split(":");
    const xds = { host, port: Number(port) };
    await using follower = await startFollower(config, { xds, variant: "delta", folder });
    const ingress = Number(new URL(follower.url).port);
    const before = await serialOf(ingress);
    assert.ok(before);
    await prepareTlsFolder(tls, { renew: true });
    await program.errorText(/secrets\/server: changed/);
    for (;;) {
      const { word } = JSON.parse(await program.line());
      if (word === "taken") break;
    }
    assert.notEqual(await serialOf(ingress), before);
  }));

Deno.test("llmgate xds serves a file, follows it, refuses what Envoy would, and prints the bootstrap of its Envoys", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const path = `${folder}/gateway.yaml`;
    const written = { cluster: "up", port: upstream.port, route: "one", closed: "/closed" };
    await Deno.writeTextFile(path, textOf(written));
    const envoy = ["--envoy-path", await envoyPath()];
    await using program = startProgram(["xds", path, "--port", "0", "--json", ...envoy]);
    const ready = JSON.parse(await program.line());
    assert.deepEqual([ready.ready, ready.config], [true, path]);
    assert.deepEqual(ready.resources, {
      Cluster: 1,
      ClusterLoadAssignment: 1,
      Secret: 0,
      Listener: 1,
      RouteConfiguration: 1,
      TypedExtensionConfig: 1,
    });
    const [host = "", port = ""] = ready.xds.split(":");
    await using printing = startProgram([
      ...["xds", path, "--print-bootstrap", "--delta", "--node", "mine", "--port", port],
    ]);
    let printed = "";
    while (!printed.endsWith("\n}")) printed += `\n${await printing.line()}`;
    const bootstrap = JSON.parse(printed);
    assert.equal(bootstrap.node.id, "mine");
    assert.equal(bootstrap.dynamic_resources.ads_config.api_type, "DELTA_GRPC");
    const xds = { host, port: Number(port) };
    const config = await served(written);
    await using follower = await startFollower(config, { xds, variant: "sotw", folder });
    assert.equal((await ask(follower.url, { path: "/v1/models" })).route, "one");
    const until = async (wanted: (event: Record<string, unknown>) => boolean) => {
      for (;;) {
        const event = JSON.parse(await program.line());
        if (wanted(event)) return event;
      }
    };
    await until(({ word, type }) => word === "ack" && type === "ECDS");
    await Deno.writeTextFile(path, textOf({ ...written, route: "two" }));
    await program.errorText(/gateway\.yaml is served, \d+ ms after it changed:/);
    await program.errorText(/x-route|"one" -> "two"/);
    await until(({ word }) => word === "taken");
    assert.equal((await ask(follower.url, { path: "/v1/models" })).route, "two");
    await Deno.writeTextFile(path, textOf({ ...written, connectTimeout: "soon" }));
    await program.errorText(
      /is not served, the configuration before it stays:\n.*gateway\.yaml:\d+:\d+: "connect_timeout"/,
    );
    await Deno.writeTextFile(
      path,
      textOf({ ...written, route: "three" }).replace("ingress\n", "other\n"),
    );
    await program.errorText(/is not served.*Envoy's bootstrap/);
    assert.equal((await ask(follower.url, { path: "/v1/models" })).route, "two");
    program.kill("SIGTERM");
    assert.equal((await program.ended).code, 143);
    assert.equal((await ask(follower.url, { path: "/v1/models" })).route, "two");
  }));
