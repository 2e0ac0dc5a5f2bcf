/** `llmgate transform`: the transform processor alone, behind any Envoy. */
import { resolve } from "node:path";
import { dataHome } from "../../envoy/mod.ts";
import { fileOption, flagOption, portOption, textOption } from "../../options/mod.ts";
import { DEFAULT_PORTS, loadModule, peerSecretOf, UsageError } from "../../service/mod.ts";
import { startTransform } from "../../transform/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";

export const command = defineCommand({
  name: "transform",
  summary: "run the transform processor alone (ext_proc over gRPC)",
  description:
    `Serves envoy.service.ext_proc.v3.ExternalProcessor for a filter behind policy: prompts, prompt APIs, redaction,
    guards, a cache and a session's context, as steps of one file that is reloaded when it changes; a broken file is
    reported and the old steps stay. llmgate envoy config --transform FILE shows how the filter is wired.`,
  options: {
    config: fileOption("--config <FILE>", { description: "the steps, YAML, reloaded on change" }),
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "gRPC listener; 0 picks a free one",
      default: DEFAULT_PORTS.transform,
    }),
    controlPort: portOption("--control-port <PORT>", {
      description: "serve metrics, health, sessions and cache to erase here; not when left out",
    }),
    json: flagOption("--json", { description: "print one JSON line when ready" }),
  },
  examples: [
    { command: "llmgate transform --config transform.yaml", explains: "on 127.0.0.1:9005" },
    { command: "llmgate dev --transform transform.yaml", explains: "as a part of the gateway" },
  ],
  permissions: ["read", "write", "net", "env", "sys"],
  async run({ options, host, log, print, signal }) {
    if (options.config === undefined) {
      throw new UsageError(
        "Cannot start the transform processor without steps: give --config FILE",
      );
    }
    const env = (name: string) => host.env(name);
    const folder = dataHome(env);
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await using transform = await startTransform({
      host: options.host,
      port: options.port,
      file: resolve(host.cwd, options.config),
      storePath: `${folder}/transform.sqlite`,
      env,
      peerSecret: peerSecretOf(env),
      log,
    });
    const { address, steps, store } = transform;
    await using stack = new AsyncDisposableStack();
    let control: string | undefined;
    if (options.controlPort !== undefined) {
      const { startControl } = await loadModule<typeof import("../../gateway/mod.ts")>(
        "gateway/mod.ts",
      );
      const server = await startControl({
        host: "127.0.0.1",
        port: options.controlPort,
        paths: transform.control,
        metrics: [() => transform.metrics()],
      });
      control = stack.use(server).url;
    }
    const { place } = store;
    if (options.json) {
      print(JSON.stringify({ ready: true, transform: address, steps, store: place, control }));
    } else {
      print(`transform ${address}  ${steps.join(", ")}  store ${place}`);
      if (control !== undefined) print(`control   ${control}`);
    }
    await aborted(signal);
    return EXIT.ok;
  },
});
