/** The sides of the router's comparison: one Envoy each, from `router.yaml` without policy. */
import {
  bundledConfig,
  type EnvoyOverlay,
  parseEnvoyConfig,
  type RunningEnvoy,
  startEnvoy,
} from "../../envoy/mod.ts";
import { stringify } from "yaml";
import { programCommand } from "./stack.ts";

/** A parsed configuration, edited at known places. */
// deno-lint-ignore no-explicit-any -- the file is ours, and Envoy checks the result
export type Config = any;

/** Starts `llmgate router` as a program of its own, as it runs beside an Envoy. */
export async function startRouterProgram(
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
export async function startSide(
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
    config: await parseEnvoyConfig(stringify(config), "router.yaml without ext_authz"),
    overlay,
    runDir: await Deno.makeTempDir({ prefix: "llmgate-bench-" }),
    graceMs: 0,
  });
  return Object.assign(envoy, {
    url: `http://127.0.0.1:${envoy.listeners.get("ingress")?.port}`,
  });
}

export function managerOf(config: Config): Config {
  return config.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
}

/** Removes a filter, and its settings in routes. */
export function drop(manager: Config, name: string): void {
  const full = `envoy.filters.http.${name}`;
  manager.http_filters = manager.http_filters.filter((one: Config) => one.name !== full);
  for (const route of manager.route_config.virtual_hosts[0].routes) {
    if (route.typed_per_filter_config) delete route.typed_per_filter_config[full];
  }
}

/** Writes the model server into the file: only our router tells Envoy of hosts. */
export function fixed(config: Config, backend: string): void {
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

export function withoutRouter(config: Config): void {
  const manager = managerOf(config);
  drop(manager, "ext_proc");
  drop(manager, "buffer");
  const cluster = config.static_resources.clusters.find((one: Config) => one.name === "backends");
  delete cluster.load_balancing_policy;
}

/** Removes the loggers that tell the router of answers. */
export function unobserved(config: Config): void {
  const manager = managerOf(config);
  drop(manager, "lua");
  manager.access_log = manager.access_log.filter((one: Config) => !one.name.endsWith("http_grpc"));
}

/** Shows answers to the router by a second ext_proc filter, that waits for no answer of its. */
export function observedByProcessor(config: Config): void {
  unobserved(config);
  const filters = managerOf(config).http_filters;
  const first = filters.find((one: Config) => one.name.endsWith("ext_proc"));
  const second = structuredClone(first);
  second.name = "envoy.filters.http.ext_proc.observer";
  Object.assign(second.typed_config, {
    observability_mode: true,
    processing_mode: {
      request_header_mode: "SKIP",
      response_header_mode: "SEND",
      response_body_mode: "STREAMED",
    },
  });
  delete second.typed_config.message_timeout;
  filters.splice(-1, 0, second);
}
