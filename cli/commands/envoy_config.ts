/** `llmgate envoy config`: prints the configuration as Envoy is given it. */
import {
  formatChanges,
  launchConfig,
  type LaunchedConfig,
  readEnvoyConfig,
} from "../../envoy/mod.ts";
import { gatewayOverlay } from "../../gateway/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import {
  PART_OPTIONS,
  placementOf,
  PORT_OPTIONS,
  PROFILE_FLAGS,
  profileOption,
} from "../flags/gateway.ts";
import { UPSTREAM_OPTIONS } from "../flags/upstreams.ts";
import { fileOption, flagOption } from "../../options/mod.ts";

export const command = defineCommand({
  name: "envoy config",
  summary: "print the configuration as Envoy is given it",
  description:
    `The file of the profile with what dev sets at launch: addresses, ports, certificate and log files, and nothing
    else. Takes dev's flags. Both hashes are those that dev shows: of the file, and of the launched configuration with
    the launch fields blanked, which no swap of policy or upstream changes.`,
  options: {
    profile: profileOption("print"),
    ...PROFILE_FLAGS,
    config: fileOption("--config <FILE>", {
      description: "a configuration of your own, with the profile's names",
    }),
    ...PORT_OPTIONS,
    policy: PART_OPTIONS.policy,
    policyTls: PART_OPTIONS.policyTls,
    policyCa: PART_OPTIONS.policyCa,
    policyCert: PART_OPTIONS.policyCert,
    policyKey: PART_OPTIONS.policyKey,
    ...UPSTREAM_OPTIONS,
    source: flagOption("--source", { description: "print the file itself, comments included" }),
    diff: flagOption("--diff", {
      description: "print only what differs from the file, and both hashes",
    }),
    json: flagOption("--json", { description: "print hashes and differences as JSON" }),
  },
  examples: [
    { command: "llmgate envoy config > envoy.json", explains: "run it: envoy -c envoy.json" },
    { command: "llmgate envoy config --source", explains: "the commented file" },
    {
      command: "llmgate envoy config --diff --policy engine.test:9191",
      explains: "what a swap changes",
    },
  ],
  permissions: ["read", "env", "sys"],
  async run({ options, host, print }) {
    // Its --config is Envoy's, not a file of the profile.
    const { config: own, ...flags } = options;
    const placement = await placementOf(flags, host);
    const file = own === undefined ? placement.profile.config() : await readEnvoyConfig(own);
    if (options.source) {
      host.stdout.write(file.text);
      return EXIT.ok;
    }
    const launched = launchConfig(file, gatewayOverlay(placement));
    if (options.json) print(JSON.stringify(facts(file.name, launched)));
    else if (options.diff) {
      host.stdout.write(formatChanges(launched.changes));
      print(`file sha256      ${launched.configSha256}`);
      print(`launched sha256  ${launched.launchedSha256}`);
    } else host.stdout.write(launched.text);
    return EXIT.ok;
  },
});

function facts(config: string, launched: LaunchedConfig) {
  return {
    config,
    config_sha256: launched.configSha256,
    launched_sha256: launched.launchedSha256,
    changes: launched.changes,
  };
}
