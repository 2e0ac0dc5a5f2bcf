/** `llmgate envoy validate`: lets Envoy validate a configuration. */
import {
  bundledConfig,
  bundledConfigNames,
  dataHome,
  type Env,
  readEnvoyConfig,
  readTypedConfig,
  validateConfig,
} from "../../envoy/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { ENVOY_OPTIONS, envoyFromOptions } from "../flags/gateway.ts";

export const command = defineCommand({
  name: "envoy validate",
  summary: "let Envoy validate a configuration",
  description:
    `Runs "envoy --mode validate", which opens no port and dials nothing, and prints its warnings and errors,
    deprecations among them. Exits 1 when the configuration is refused or warned about.`,
  arguments: [{
    name: "config",
    description: `a file, or the name of a bundled one (${bundledConfigNames().join(", ")})`,
  }],
  options: { ...ENVOY_OPTIONS },
  examples: [
    { command: "llmgate envoy validate", explains: "the bundled base configuration" },
    { command: "llmgate envoy validate my-envoy.yaml", explains: "one of your own" },
    {
      command: "llmgate envoy validate my-envoy.yaml --envoy-version 1.36.4",
      explains: "on an older Envoy",
    },
  ],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run(context) {
    const { options, args, print, signal, style } = context;
    const name = args.config ?? "base";
    const isBundled = bundledConfigNames().includes(name);
    // Parsed by us first: our errors name line and column.
    const file = isBundled ? bundledConfig(name) : await readEnvoyConfig(name);
    const envoy = await envoyFromOptions(options, context);
    const folder = await Deno.makeTempDir({ prefix: "llmgate-validate-" });
    try {
      const path = isBundled ? `${folder}/${name}.yaml` : name;
      if (isBundled) await Deno.writeTextFile(path, file.text);
      const { ok, messages } = await validateConfig(envoy.path, path, { signal });
      if (!ok) { for (const line of await explained(file, envoy, context.host.env)) print(line); }
      for (const message of messages) print(message);
      const clean = ok && messages.length === 0;
      const verdict = clean ? style.good("OK") : style.bad(ok ? "warned about" : "refused");
      print(`${file.name}: ${verdict} by Envoy ${envoy.version}`);
      return clean ? EXIT.ok : EXIT.failed;
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** Where in the file Envoy's refusal comes from, by the message types of that very Envoy. */
async function explained(
  { text, name }: { readonly text: string; readonly name: string },
  envoy: { readonly path: string; readonly version: string },
  env: Env,
): Promise<string[]> {
  const { readings } = await readTypedConfig(text, {
    name,
    schema: {
      path: envoy.path,
      name: `Envoy ${envoy.version}`,
      folder: `${dataHome(env)}/message_types`,
    },
  });
  return readings.flatMap(({ problems }) => problems)
    .map(({ line, column, found }) => `${name}:${line}:${column}: ${found}`);
}
