import {
  bundledConfig,
  type EnvoyOverlay,
  parseEnvoyConfig,
  type RunningEnvoy,
  startEnvoy,
} from "../../envoy/mod.ts";
import { stringify } from "yaml";
import { firstTokenClient } from "./first_token.ts";
import type { Effort } from "./gateway_rows.ts";
import { type LoadResult, wrk } from "./load.ts";
import { median, quantile, type Row } from "./row.ts";
import { startRouterTwin } from "./router_twin.ts";
import { benchEnvoyPath, programCommand } from "./stack.ts";

const CHAT = JSON.stringify({
  model: "gpt-3.5-turbo",
  messages: [{ role: "user", content: "Hello!" }],
});
const PATH = "/v1/chat/completions";

/** A parsed configuration, edited at known places. */
// deno-lint-ignore no-explicit-any -- the file is ours, and Envoy checks the result
type Config = any;

interface Side {
  readonly name: string;
  readonly url: string;
}

/**
 * What routing costs: the same Envoy, without policy, in front of one model server, with our
 * router, with a Go program that does the same minimum, and without any.
 */
export async function routerRows(effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const twin = stack.use(await startRouterTwin());
  const router = stack.use(await startRouterProgram(twin.backend));
  const path = await benchEnvoyPath();
  const start = async (name: string, edit: (config: Config) => void, address?: string) => {
    const envoy = stack.use(await startSide({ path, edit, ...(address && { router: address }) }));
    return { name, url: envoy.url };
  };
  const own = await start("our router", () => {}, router.address);
  const go = await start("Go twin", (config) => fixed(config, twin.backend), twin.address);
  const bare = await start("same Envoy without ext_proc", (config) => {
    fixed(config, twin.backend);
    withoutRouter(config);
  });
  return [
    ...await loadRows([own, go, bare], effort),
    ...await firstTokenRows([own, go, bare], effort),
  ];
}

async function loadRows([own, go, bare]: readonly Side[], effort: Effort): Promise<Row[]> {
  const results = new Map<Side | undefined, LoadResult[]>();
  const sides = [own, go, bare];
  for (let run = 0; run < effort.runs; run++) {
    for (const side of sides) {
      const result = await wrk({
        url: `${side?.url}${PATH}`,
        connections: 32,
        seconds: effort.seconds,
        headers: { "content-type": "application/json" },
        body: CHAT,
      });
      if (result.errors > 0) {
        throw new Error(`Cannot measure: ${result.errors} requests failed by ${side?.name}`);
      }
      results.set(side, [...results.get(side) ?? [], result]);
    }
  }
  const row = (
    what: { name: string; unit: string },
    beside: Side | undefined,
    pick: (result: LoadResult) => number,
  ): Row => {
    const samples = (results.get(own) ?? []).map(pick);
    const value = median(samples);
    const theirs = median((results.get(beside) ?? []).map(pick));
    return {
      ...what,
      value,
      beside: { name: beside?.name ?? "", value: theirs },
      ratio: value / theirs,
      runs: effort.runs,
      samples,
    };
  };
  const rate = { name: "router: requests/s at 32 connections", unit: "1/s" };
  const tail = { name: "router: p99 at 32 connections", unit: "ms" };
  return [
    row(rate, go, ({ perSecond }) => perSecond),
    row(rate, bare, ({ perSecond }) => perSecond),
    row(tail, go, ({ p99Ms }) => p99Ms),
    row(tail, bare, ({ p99Ms }) => p99Ms),
  ];
}

/** Streams in a row for one median of the first-token time. */
const FIRST_TOKENS = 400;

async function firstTokenRows(sides: readonly Side[], effort: Effort): Promise<Row[]> {
  await using stack = new AsyncDisposableStack();
  const clients = await Promise.all(
    sides.map(async ({ url }) =>
      stack.use(
        await firstTokenClient(url, { headers: ["x-events: 1"], body: CHAT, until: "data: {" }),
      )
    ),
  );
  const medians = sides.map(() => [] as number[]);
  const tails = sides.map(() => [] as number[]);
  for (let run = 0; run < effort.runs; run++) {
    const samples = sides.map(() => [] as number[]);
    for (let n = 0; n < FIRST_TOKENS; n++) {
      for (const [side, client] of clients.entries()) samples[side]?.push(await client.measure());
    }
    samples.forEach((values, side) => {
      medians[side]?.push(median(values));
      tails[side]?.push(quantile(values, 0.99));
    });
  }
  const [own = 0, go = 0, bare = 0] = medians.map(median);
  const [ownTail = 0, goTail = 0, bareTail = 0] = tails.map(median);
  const row = (name: string, value: number, theirs: number): Row => ({
    name,
    unit: "ms",
    value,
    beside: { name: "Go twin", value: theirs },
    ratio: value / theirs,
    runs: effort.runs,
    samples: (medians[0] ?? []).map((sample) => sample - bare),
  });
  return [
    row("router: added first-token time, median", own - bare, go - bare),
    row("router: added first-token time, p99", ownTail - bareTail, goTail - bareTail),
  ];
}

/** Starts `llmgate router` as a program of its own, as it runs beside an Envoy. */
async function startRouterProgram(
  backend: string,
): Promise<AsyncDisposable & { readonly address: string; readonly pid: number }> {
  const [program = "", ...words] = programCommand();
  const flags = ["--static-hosts", backend, "--static-models", "*", "--port", "0"];
  const child = new Deno.Command(program, {
    args: [...words, "router", ...flags, "--json", "--log-level", "warning"],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("Cannot measure the router: it ended before it was ready");
    text += value;
  }
  return {
    address: JSON.parse(text.split("\n")[0] ?? "").router,
    pid: child.pid,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await reader.cancel();
      await child.status;
    },
  };
}

/** Starts `router.yaml` without policy, and with what `edit` makes of it. */
async function startSide(
  options: { path: string; edit: (config: Config) => void; router?: string },
): Promise<RunningEnvoy & { readonly url: string }> {
  const config: Config = structuredClone(bundledConfig("router").bootstrap);
  const manager = managerOf(config);
  drop(manager, "ext_authz");
  options.edit(config);
  const [host = "", port] = options.router?.split(":") ?? [];
  const overlay: EnvoyOverlay = {
    adminPort: 0,
    listeners: { ingress: { host: "127.0.0.1", port: 0 } },
    clusters: options.router === undefined ? {} : { router: { host, port: Number(port) } },
  };
  const envoy = await startEnvoy({
    path: options.path,
    config: parseEnvoyConfig(stringify(config), "router.yaml without ext_authz"),
    overlay,
    runDir: await Deno.makeTempDir({ prefix: "llmgate-bench-" }),
    graceMs: 0,
  });
  return Object.assign(envoy, {
    url: `http://127.0.0.1:${envoy.listeners.get("ingress")?.port}`,
  });
}

function managerOf(config: Config): Config {
  return config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
}

/** Takes a filter out, and what routes say about it. */
function drop(manager: Config, name: string): void {
  const full = `envoy.filters.http.${name}`;
  manager.http_filters = manager.http_filters.filter((one: Config) => one.name !== full);
  for (const route of manager.route_config.virtual_hosts[0].routes) {
    if (route.typed_per_filter_config) delete route.typed_per_filter_config[full];
  }
}

/** Writes the model server into the file: only our router tells Envoy of hosts. */
function fixed(config: Config, backend: string): void {
  const [address = "", port] = backend.split(":");
  const cluster = config.static_resources.clusters.find((one: Config) => one.name === "backends");
  delete cluster.eds_cluster_config;
  cluster.type = "STATIC";
  cluster.load_assignment = {
    cluster_name: "backends",
    endpoints: [{
      lb_endpoints: [{
        endpoint: { address: { socket_address: { address, port_value: Number(port) } } },
        metadata: { filter_metadata: { "envoy.transport_socket_match": { transport: "plain" } } },
      }],
    }],
  };
}

function withoutRouter(config: Config): void {
  const manager = managerOf(config);
  drop(manager, "ext_proc");
  drop(manager, "buffer");
  const cluster = config.static_resources.clusters.find((one: Config) => one.name === "backends");
  delete cluster.load_balancing_policy;
}
