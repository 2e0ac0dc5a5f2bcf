/** Changes of a running edge gateway: a thousand streams over twenty of them, and a file that is edited. */
import assert from "node:assert/strict";
import { prepareTlsFolder } from "../../certs/mod.ts";
import { bundledConfig, type EnvoyConfigFile } from "../../envoy/mod.ts";
import { FREE_PORTS, startGateway } from "../../gateway/mod.ts";
import { edgeProfile } from "../../gateway/profiles/mod.ts";
import { startUpstream, type UpstreamStep } from "../../upstream/mod.ts";
import { startDev, startProgram } from "../testing/program.ts";
import { envoyPath, RUN_PARENTS } from "../testing/stack.ts";

const STREAMS = 1_000;
const HOT_STREAMS = 200;
const ROUNDS = 4;
const PIECES = ["data: 1\n\n", "data: 2\n\n", "data: [DONE]\n\n"];
/** Limits and local limits that a thousand requests at once do not meet. */
const WIDE =
  `{ version: 1, limits: [{ match: { tenant: "*" }, requests: { per: day, max: 1000000 } }] }`;

// deno-lint-ignore no-explicit-any -- the bundled file, edited at known places
type Config = any;

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate-edge-reload-" });
  try {
    return await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The value of `--base-id` of a process. */
async function baseIdsOf(pid: number): Promise<string[]> {
  const words = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0");
  return words.filter((_, index) => words[index - 1] === "--base-id");
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

function managers(bootstrap: Config): Config[] {
  return bootstrap.static_resources.listeners.map((one: Config) =>
    one.filter_chains[0].filters[0].typed_config
  );
}

/** Changes of each round, one after the other; certificates beside them. */
const CHANGES: readonly ((bootstrap: Config, round: number) => void)[] = [
  function routes(bootstrap, round) {
    for (const { route_config: { virtual_hosts: [host] } } of managers(bootstrap)) {
      host.response_headers_to_add = [{ header: { key: "x-round", value: `${round}` } }];
    }
  },
  function clusters(bootstrap, round) {
    for (const one of bootstrap.static_resources.clusters) one.connect_timeout = `${2 + round}s`;
  },
  function endpoints(bootstrap, round) {
    for (const one of bootstrap.static_resources.clusters) {
      one.load_assignment.endpoints[0].lb_endpoints[0].load_balancing_weight = 1 + round;
    }
  },
  function filters(bootstrap, round) {
    for (const { http_filters } of managers(bootstrap)) {
      for (const { name, typed_config } of http_filters) {
        if (name.endsWith(".local_ratelimit")) {
          typed_config.token_bucket.max_tokens = 50_000 + round;
        }
        if (name.endsWith(".ext_authz")) typed_config.grpc_service.timeout = `${3 + round}s`;
      }
    }
  },
];

Deno.test("a thousand streams run over twenty changes of routes, clusters, endpoints, filters and certificates", () =>
  inFolder(async (folder) => {
    const tlsFolder = `${folder}/tls`;
    await prepareTlsFolder(tlsFolder);
    const profile = edgeProfile({
      tlsFolder,
      tokens: { issuerFile: `${folder}/issuer.json` },
      limits: WIDE,
    });
    const file = bundledConfig("edge");
    await using gateway = await startGateway({
      profile,
      ports: FREE_PORTS,
      envoyPath: await envoyPath(),
      runParents: RUN_PARENTS,
      ownConfig: file,
      live: true,
      graceMs: 0,
    });
    const upstream = gateway.part.mock;
    assert.ok(upstream);
    upstream.scripts.set("long", { steps: longStream() });
    const running = Array.from({ length: STREAMS }, async () => {
      const response = await fetch(`${gateway.url}/v1/chat/completions`, {
        method: "POST",
        headers: { "x-api-key": "demo-key", "x-mock-script": "long" },
        body: "{}",
      });
      return await response.text();
    });
    await upstream.barriers.arrival("long/changed", { count: STREAMS, deadlineMs: 60_000 });
    const bootstrap: Config = structuredClone(file.bootstrap);
    let changes = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      for (const edit of CHANGES) {
        edit(bootstrap, round);
        const next: EnvoyConfigFile = { ...file, bootstrap: structuredClone(bootstrap) };
        const { outcome } = await gateway.changeConfig(next);
        assert.equal(outcome, "applied", edit.name);
        changes++;
      }
      await prepareTlsFolder(tlsFolder, { renew: true });
      changes++;
    }
    assert.equal(changes, 20);
    upstream.barriers.releaseAll();
    const answers = await Promise.all(running);
    const whole = answers.filter((text) => text === PIECES.join(""));
    assert.equal(whole.length, STREAMS);
    const seen = await fetch(`${gateway.url}/healthz`);
    assert.equal(seen.headers.get("x-round"), String(ROUNDS));
    await seen.body?.cancel();
  }));

Deno.test("two hundred streams run over a hot restart, which has what only a new listener can have", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const path = `${folder}/edge.yaml`;
    const { text } = bundledConfig("edge");
    await Deno.writeTextFile(path, text);
    await using dev = await startDev([
      ...["--profile", "edge", "--limits-port", "0", "--tls-port", "0"],
      ...["--otlp-port", "0", "--otlp-http-port", "0"],
      // Nobody reads its lines, and a full pipe would hold policy up.
      ...["--quiet", "--envoy-config", path, "--upstream", upstream.url],
    ], { env: { LLMGATE_HOME: folder } });
    const { ingress, control, envoy } = dev.ready;
    upstream.scripts.set("long", { steps: longStream() });
    const ask = async (headers: Record<string, string> = {}) => {
      const response = await fetch(`${ingress}/v1/chat/completions`, {
        method: "POST",
        headers: { "x-api-key": "demo-key", "x-mock-script": "long", ...headers },
        body: "{}",
      });
      return { status: response.status, text: await response.text() };
    };
    const running = Array.from({ length: HOT_STREAMS }, () => ask());
    await upstream.barriers.arrival("long/changed", { count: HOT_STREAMS, deadlineMs: 60_000 });
    await Deno.writeTextFile(path, text.replace("max_headers_count: 100", "max_headers_count: 60"));
    await dev.program.errorText(/needs a restart/);
    const many = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`x-many-${n}`, "1"]));
    await using restart = startProgram([
      ...["envoy", "restart", "--json", "--control-port", new URL(control).port],
    ]);
    const answer = JSON.parse(await restart.line());
    assert.equal(answer.before, envoy.pid);
    assert.notEqual(answer.pid, envoy.pid);
    assert.equal((await ask(many)).status, 431);
    upstream.barriers.releaseAll();
    const answers = await Promise.all(running);
    assert.equal(answers.filter((one) => one.text === PIECES.join("")).length, HOT_STREAMS);
    assert.deepEqual(await ask(), { status: 200, text: PIECES.join("") });
    if (Deno.build.os !== "linux") return;
    // Nothing is left behind; whose memory it was, only its user's command line says.
    const [base = ""] = await baseIdsOf(answer.pid);
    dev.program.kill("SIGTERM");
    await dev.program.ended;
    await assert.rejects(Deno.stat(`/dev/shm/envoy_shared_memory_${Number(base) * 10}`));
  }));

Deno.test("dev --envoy-config puts an edit of the file in force, shows it, and refuses a broken one", () =>
  inFolder(async (folder) => {
    await using upstream = await startUpstream({});
    const path = `${folder}/edge.yaml`;
    const { text } = bundledConfig("edge");
    await Deno.writeTextFile(path, text);
    await using dev = await startDev([
      ...["--profile", "edge", "--limits-port", "0", "--tls-port", "0"],
      ...["--otlp-port", "0", "--otlp-http-port", "0"],
      ...["--envoy-config", path, "--upstream", upstream.url],
    ], { env: { LLMGATE_HOME: folder } });
    const ask = async () => {
      const response = await fetch(`${dev.ready.ingress}/healthz`);
      return `${response.headers.get("content-type")} ${(await response.text()).trim()}`;
    };
    assert.equal(await ask(), `application/json {"status":"ok"}`);
    await Deno.writeTextFile(
      path,
      text.replace(`{\\"status\\":\\"ok\\"}`, `{\\"status\\":\\"fine\\"}`),
    );
    await dev.program.errorText(/is in force after \d+ ms, no stream was touched:/);
    await dev.program.errorText(/routes\/healthz\/.*"ok.*-> .*"fine/);
    assert.equal(await ask(), `application/json {"status":"fine"}`);
    await Deno.writeTextFile(path, text.replace("timeout: 0s", "timeout: soon"));
    await dev.program.errorText(
      /is not used, the configuration before it stays:\n.*edge\.yaml:\d+:\d+: "timeout"/,
    );
    assert.equal(await ask(), `application/json {"status":"fine"}`);
    await Deno.writeTextFile(path, text.replace("max_headers_count: 100", "max_headers_count: 90"));
    await dev.program.errorText(
      /needs a restart.*llmgate envoy restart; running streams end 600 s after that/,
    );
    assert.equal(await ask(), `application/json {"status":"fine"}`);
  }));
