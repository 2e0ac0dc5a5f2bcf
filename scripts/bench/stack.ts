/** Starts the program for a measurement, from source or as a binary. */
import {
  bundledConfig,
  findEnvoy,
  parseEnvoyConfig,
  type RunningEnvoy,
  startEnvoy,
} from "../../envoy/mod.ts";
import { listenLasting } from "../../service/mod.ts";
import { HEAP_FLAG } from "../build/permissions.ts";
import { stringify } from "yaml";

/** First line of `dev --json`; the fields that are used here. */
export interface Ready {
  readonly ingress: string;
  readonly admin: string;
  readonly control: string;
  readonly upstream: string;
  readonly policy: string;
  readonly envoy: { readonly pid: number; readonly path: string };
}

/** First line of `upstream --json`. */
export interface UpstreamReady {
  readonly upstream: string;
}

/** A program under measurement, seen from outside. */
export interface Running<T = Ready> extends AsyncDisposable {
  readonly pid: number;
  readonly ready: T;
}

const PORT_FLAGS = [
  "--port",
  "--admin-port",
  "--policy-port",
  "--upstream-port",
  "--control-port",
];

/** Ports that the system picks, for runs beside each other. */
const FREE_PORTS = PORT_FLAGS.flatMap((flag) => [flag, "0"]);

/** Flags that name a free port each, as a user's default ports are named. */
export async function namedPorts(): Promise<string[]> {
  const hostname = "127.0.0.1";
  const held = await Promise.all(
    PORT_FLAGS.map(() =>
      listenLasting(hostname, (port) => Promise.resolve(Deno.listen({ hostname, port })))
    ),
  );
  return held.flatMap((listener, index) => {
    listener.close();
    return [PORT_FLAGS[index] ?? "", String(listener.addr.port)];
  });
}

const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** How the program is called: from source, unless a binary is named. */
export function programCommand(binary?: string): string[] {
  return binary === undefined
    ? [Deno.execPath(), "run", "-A", "--no-prompt", "--quiet", HEAP_FLAG, MAIN]
    : [binary];
}

/** Starts `dev` on free ports, with further flags, and resolves at its ready line. */
export function startDev(
  command: readonly string[],
  flags: readonly string[] = [],
): Promise<Running> {
  return start<Ready>(command, ["dev", ...FREE_PORTS, ...flags]);
}

/**
 * Starts the mock as a program of its own, with further flags, as fast as it can be unless a request says otherwise.
 */
export function startMock(
  command: readonly string[],
  flags: readonly string[] = [],
): Promise<Running<UpstreamReady>> {
  return start<UpstreamReady>(command, ["upstream", "--port", "0", "--pace", "0", ...flags]);
}

async function start<T>(
  [program = "", ...words]: readonly string[],
  args: readonly string[],
): Promise<Running<T>> {
  const child = new Deno.Command(program, {
    args: [...words, ...args, "--json", "--quiet"],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot measure ${args[0]}: it ended before it was ready`);
    text += value;
  }
  return {
    pid: child.pid,
    ready: JSON.parse(text.split("\n")[0] ?? ""),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await reader.cancel();
      await child.status;
    },
  };
}

/** Returns the path of the Envoy that everything here is measured with. */
export async function benchEnvoyPath(): Promise<string> {
  return (await findEnvoy({ env: (name) => Deno.env.get(name) })).path;
}

/** An Envoy with the bundled configuration but without ext_authz: the peer of the gateway. */
export async function startBareEnvoy(
  options: { path: string; upstream?: string },
): Promise<RunningEnvoy & { readonly url: string }> {
  const config = structuredClone(bundledConfig("base").bootstrap);
  // deno-lint-ignore no-explicit-any -- one known place in a known file
  const manager = (config as any).static_resources.listeners[0].filter_chains[0].filters[0]
    .typed_config;
  const authz = "envoy.filters.http.ext_authz";
  manager.http_filters = manager.http_filters.filter(({ name }: { name: string }) =>
    name !== authz
  );
  for (const route of manager.route_config.virtual_hosts[0].routes) {
    delete route.typed_per_filter_config;
  }
  const upstream = new URL(options.upstream ?? "http://127.0.0.1:9");
  const envoy = await startEnvoy({
    path: options.path,
    config: await parseEnvoyConfig(stringify(config), "base.yaml without ext_authz"),
    overlay: {
      adminPort: 0,
      listeners: { ingress: { host: "127.0.0.1", port: 0 } },
      clusters: { upstream: { host: upstream.hostname, port: Number(upstream.port) } },
    },
    runDir: await Deno.makeTempDir({ prefix: "llmgate-bench-" }),
    graceMs: 0,
  });
  const port = envoy.listeners.get("ingress")?.port;
  return Object.assign(envoy, { url: `http://127.0.0.1:${port}` });
}
