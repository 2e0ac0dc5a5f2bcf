/** `llmgate lint`: finds what is wrong with an Envoy configuration for LLM traffic. */
import {
  AdminClient,
  bundledConfig,
  bundledConfigNames,
  DEFAULT_ENVOY_VERSION,
  type ModelRoute,
} from "../../envoy/mod.ts";
import {
  formatFindings,
  lintEnvoyConfig,
  type LintOptions,
  type LintResult,
  parseKnownFindings,
  TRUSTED_NAMES,
} from "../../lint/mod.ts";
import { loadModule, messageOf, readTextFile, UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";
import { fileOption, flagOption, repeated, textOption } from "../../options/mod.ts";

export const command = defineCommand({
  name: "lint",
  summary: "find what is wrong with an Envoy configuration for LLM traffic",
  description:
    `Looks at an Envoy configuration, YAML or JSON, alone or in a manifest, a dump or a list of xDS resources, or at
    the one that a running Envoy has in force (its admin's /config_dump), for what Envoy would refuse, and for what cuts, buffers or repeats streams, lets requests pass without policy, or lets a client
    speak in policy's name. Each finding names its line, the reason, the fix, and the case of "llmgate check" that shows
    it on a running gateway. Nothing is started. Exits 1 when there are findings.`,
  arguments: [{
    name: "target",
    description: `a file, an admin URL such as http://127.0.0.1:9901, or a bundled one (${
      bundledConfigNames().join(", ")
    })`,
    required: true,
  }],
  options: {
    trusted: repeated(textOption("--trusted <HEADER>", {
      description: `header that only policy may set; ${
        TRUSTED_NAMES.join(", ")
      } when none is given`,
    })),
    routeConfig: fileOption("--route-config <FILE>", {
      description:
        "routes.json of the model router behind ext_proc, to compare with Envoy's routes",
    }),
    listener: textOption("--listener <NAME>", { description: "look at this listener alone" }),
    known: fileOption("--known <FILE>", {
      description: "findings that are known: one `rule.id [path]  # reason` per line",
    }),
    envoyPath: fileOption("--envoy-path <FILE>", {
      description:
        `read by the message types of this Envoy, which is not run; those of ${DEFAULT_ENVOY_VERSION} are at hand`,
    }),
    errors: flagOption("--errors", { description: "leave warnings out" }),
    all: flagOption("--all", { description: "list each of many equal findings" }),
    json: flagOption("--json", { description: "print findings and notes as JSON" }),
  },
  examples: [
    { command: "llmgate lint envoy.yaml", explains: "a configuration of your own" },
    {
      command: "llmgate lint http://127.0.0.1:9901",
      explains: "what a running Envoy has in force",
    },
    {
      command: "llmgate lint envoy.yaml --route-config routes.json",
      explains: "are the routes of Envoy and of the model router the same",
    },
    {
      command: "llmgate lint envoy.yaml --trusted x-user",
      explains: "with your own trusted header",
    },
    {
      command: "kubectl get configmap envoy -o yaml | llmgate lint /dev/stdin",
      explains: "a configuration that a manifest holds",
    },
  ],
  permissions: ["read", "net", "env", "sys"],
  async run({ args: { target }, options, print }) {
    const { routeConfig, known, listener, envoyPath } = options;
    const result = await lintTarget(target, {
      ...(options.trusted && options.trusted.length > 0 &&
        { trustedNames: options.trusted.map((name) => name.toLowerCase()) }),
      ...(routeConfig !== undefined && { modelRoutes: await modelRoutes(routeConfig) }),
      ...(known !== undefined &&
        { known: parseKnownFindings(await textOf(known, "known findings"), known) }),
      ...(listener !== undefined && { listener }),
      ...(envoyPath !== undefined &&
        { schema: { path: envoyPath, name: `the Envoy at ${envoyPath}` } }),
    });
    const findings = options.errors
      ? result.findings.filter(({ severity }) => severity === "error")
      : result.findings;
    const shown = { ...result, findings };
    if (options.json) print(JSON.stringify(shown));
    else print(report(shown, target, { all: options.all === true }));
    return findings.length === 0 ? EXIT.ok : EXIT.failed;
  },
});

async function lintTarget(
  target: string,
  options: Omit<LintOptions, "name">,
): Promise<LintResult> {
  if (/^https?:\/\//.test(target)) {
    const { protocol, hostname, port } = new URL(target);
    if (protocol !== "http:") {
      throw new UsageError(`Cannot lint "${target}": Envoy's admin speaks http`);
    }
    const host = hostname.replace(/^\[|\]$/g, "");
    using admin = new AdminClient({ host, port: Number(port || 80) });
    const dump = JSON.stringify(await admin.configDump());
    return await lintEnvoyConfig(dump, { name: target, withoutLines: true, ...options });
  }
  const text = bundledConfigNames().includes(target)
    ? bundledConfig(target).text
    : await textOf(target, "Envoy configuration");
  return await lintEnvoyConfig(text, { name: target, ...options });
}

async function textOf(file: string, what: string): Promise<string> {
  try {
    return await readTextFile(file);
  } catch (error) {
    throw new UsageError(`Cannot read the ${what} "${file}": ${messageOf(error)}`);
  }
}

async function modelRoutes(file: string): Promise<ModelRoute[]> {
  const { parseRoutes } = await loadModule<typeof import("../../router/mod.ts")>("router/mod.ts");
  const text = await textOf(file, "routes");
  return parseRoutes(text, file).routes
    .map(({ name, path_prefix: pathPrefix }) => ({ name, pathPrefix }));
}

function report(result: LintResult, target: string, options: { readonly all: boolean }): string {
  const { findings } = result;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const summary = `${target}: ${counted(errors, "error")}, ${
    counted(findings.length - errors, "warning")
  }`;
  const blocks = formatFindings(result, target, options);
  return blocks === "" ? summary : `${blocks}\n${summary}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
