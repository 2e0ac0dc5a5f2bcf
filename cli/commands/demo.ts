/** `llmgate demo`: shows allow, streaming and deny, as with curl. */
import { request } from "node:http";
import { defineCommand, EXIT } from "../command.ts";
import { runDemos } from "../live/demos.ts";
import { ENVOY_OPTIONS, startFromOptions } from "../flags/gateway.ts";
import { DEFAULT_PORTS } from "../../service/mod.ts";
import { flagOption, portOption } from "../../options/mod.ts";
import { FREE_PORTS } from "../../gateway/mod.ts";

/** How long a stack that is up may take to say so. */
const PROBE_MS = 1_000;

export const command = defineCommand({
  name: "demo",
  summary: "show allow, streaming and deny, as with curl",
  description:
    "Shows the three demos as a person would see them with curl: allow with streaming, allow with JSON, deny. Uses the " +
    "stack that runs on --port; when there is none, starts one on free ports and stops it again.",
  options: {
    port: portOption("--port <PORT>", {
      description: "ingress of the running stack",
      default: DEFAULT_PORTS.ingress,
    }),
    fresh: flagOption("--fresh", { description: "start a stack of its own even when one is up" }),
    ...ENVOY_OPTIONS,
  },
  examples: [{ command: "llmgate demo", explains: "exit 0 only if all three hold" }],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run(context) {
    const { options, host, style, signal } = context;
    const running = `http://127.0.0.1:${options.port}`;
    const write = (text: string) => host.stdout.write(text);
    if (!options.fresh && await isUp(running)) {
      return await runDemos({ url: running, write, style, signal }) === 0 ? EXIT.ok : EXIT.failed;
    }
    await using gateway = await startFromOptions({ ...options, ports: FREE_PORTS }, context);
    const broken = await runDemos({ url: gateway.url, write, style, signal });
    return broken === 0 ? EXIT.ok : EXIT.failed;
  },
});

/**
 * Does a gateway of ours answer there? Its health check is Envoy's own direct response, with a
 * request id.
 */
function isUp(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const call = request(`${url}/healthz`, { agent: false, timeout: PROBE_MS }, (response) => {
      response.resume();
      resolve(response.statusCode === 200 && response.headers["x-request-id"] !== undefined);
    });
    call.on("error", () => resolve(false));
    call.on("timeout", () => call.destroy());
    call.end();
  });
}
