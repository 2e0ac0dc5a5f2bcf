/** `llmgate version`: prints versions: own, Deno, Envoy. */
import { loadModule } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { flagOption } from "../../options/mod.ts";
import { versionFacts } from "../version.ts";

export const command = defineCommand({
  name: "version",
  summary: "print versions: own, Deno, Envoy",
  options: {
    json: flagOption("--json", { description: "print one JSON object" }),
  },
  examples: [
    { command: "llmgate version", explains: "one line each" },
    { command: "llmgate version --json", explains: "for bug reports and machines" },
  ],
  permissions: ["read"],
  async run({ options, host, print }) {
    const { DEFAULT_ENVOY_VERSION } = await loadModule<typeof import("../../envoy/mod.ts")>(
      "envoy/mod.ts",
    );
    const facts = await versionFacts(host.runtime, DEFAULT_ENVOY_VERSION);
    if (options.json) {
      print(JSON.stringify(facts));
      return EXIT.ok;
    }
    print(`llmgate       ${facts.llmgate}${facts.commit === null ? "" : ` (${facts.commit})`}`);
    print(`deno          ${facts.deno} (v8 ${facts.v8}), ${facts.kind}, ${facts.os} ${facts.arch}`);
    print(`envoy         ${facts.envoy} by default`);
    print(`dependencies  deno.lock ${facts.lock_sha256 ?? "unknown"} (SHA-256)`);
    return EXIT.ok;
  },
});
