/** `llmgate envoy path`: prints the path of the Envoy that would be used. */
import { defineCommand, EXIT } from "../command.ts";
import { ENVOY_OPTIONS, envoyFromOptions } from "../flags/gateway.ts";
import { flagOption } from "../../options/mod.ts";

export const command = defineCommand({
  name: "envoy path",
  summary: "print the path of the Envoy that would be used",
  description:
    "Looks where dev and check look: --envoy-path, PATH, the caches. Never downloads: exits 3 when there is none.",
  options: {
    envoyPath: ENVOY_OPTIONS.envoyPath,
    envoyVersion: ENVOY_OPTIONS.envoyVersion,
    json: flagOption("--json", { description: "print path, version and source as JSON" }),
  },
  examples: [
    { command: "llmgate envoy path", explains: "for scripts" },
    { command: '"$(llmgate envoy path)" --version', explains: "ask it yourself" },
  ],
  permissions: ["read", "write", "env", "run", "sys"],
  async run(context) {
    const { options, print } = context;
    const found = await envoyFromOptions({ ...options, offline: true }, context);
    print(options.json ? JSON.stringify(found) : found.path);
    return EXIT.ok;
  },
});
