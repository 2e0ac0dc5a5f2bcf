/** `llmgate envoy restart`: replaces the Envoy of a running gateway, without losing a stream. */
import { RESTART_PATH } from "../../gateway/mod.ts";
import { flagOption, portOption } from "../../options/mod.ts";
import { DEFAULT_PORTS, messageOf, UnavailableError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";

export const command = defineCommand({
  name: "envoy restart",
  summary: "replace the Envoy of a running gateway, without losing a stream",
  description:
    `Asks a gateway that runs with --envoy-config for another Envoy on the same ports (hot restart): it takes over the
    sockets, and has what only a new listener can have. The one before serves its streams to their end.`,
  options: {
    controlPort: portOption("--control-port <PORT>", {
      description: "control listener of the gateway",
      default: DEFAULT_PORTS.control,
    }),
    json: flagOption("--json", { description: "print JSON" }),
  },
  examples: [
    {
      command: "llmgate envoy restart",
      explains: "after dev --envoy-config has said that it needs one",
    },
  ],
  permissions: ["net"],
  async run({ options, print, signal }) {
    const url = `http://127.0.0.1:${options.controlPort}${RESTART_PATH}`;
    let response: Response;
    try {
      response = await fetch(url, { method: "POST", signal });
    } catch (error) {
      throw new UnavailableError(`Cannot ask the gateway at ${url}: ${messageOf(error)}`);
    }
    const answer = await response.json();
    if (response.status === 404) {
      throw new UnavailableError(
        `The gateway at ${url} has an Envoy that cannot be replaced: start it with --envoy-config`,
      );
    }
    if (!response.ok) {
      throw new UnavailableError(`Envoy was not replaced: ${answer.error?.message}`);
    }
    print(
      options.json
        ? JSON.stringify(answer)
        : `Envoy ${answer.pid} has replaced ${answer.before}, whose streams end by themselves, ` +
          `after ${answer.old_streams_s} s at the latest`,
    );
    return EXIT.ok;
  },
});
