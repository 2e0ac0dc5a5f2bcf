/** `llmgate dev`: the whole gateway, until it is interrupted. */
import { readEnvoyConfig } from "../../envoy/mod.ts";
import { DEMO_KEY, type Gateway } from "../../gateway/mod.ts";
import { fileOption, flagOption } from "../../options/mod.ts";
import { loadModule, type Log, messageOf, watchLaunchers } from "../../service/mod.ts";
import { aborted, type Context, defineCommand, EXIT } from "../command.ts";
import {
  ADD_ON_FLAGS,
  ENVOY_OPTIONS,
  PART_OPTIONS,
  PORT_OPTIONS,
  PROFILE_FLAGS,
  profileOption,
  RUN_OPTIONS,
  startFromOptions,
} from "../flags/gateway.ts";
import { startAdapters, UPSTREAM_OPTIONS } from "../flags/upstreams.ts";
import { consoleAbilities } from "../live/console_abilities.ts";
import { readyFields } from "../live/ready.ts";
import { requestLine } from "../live/request_line.ts";

export const command = defineCommand({
  name: "dev",
  summary: "run policy stub, mock upstream and Envoy together",
  description:
    "Starts the policy stub, the mock upstream and a real Envoy side by side, prints their addresses when ready, and " +
    "then one line per request. Rules and scenarios are reloaded when their files change. Ctrl-C gives running " +
    "streams 5 s and leaves nothing behind; a second Ctrl-C ends the wait.",
  options: {
    ...RUN_OPTIONS,
    profile: profileOption("run"),
    ...PORT_OPTIONS,
    ...PART_OPTIONS,
    ...UPSTREAM_OPTIONS,
    ...ENVOY_OPTIONS,
    envoyConfig: fileOption("--envoy-config <FILE>", {
      description:
        "configuration in place of the profile's, with its names; changes of the file are put in force while " +
        "streams run: envoy config --source prints one to begin with",
    }),
    json: flagOption("--json", {
      description: "print JSON: one line with every address when ready, then one per request",
    }),
    quiet: flagOption("-q, --quiet", { description: "no line per request" }),
    verbose: flagOption("--verbose", { description: "hashes of the configuration, too" }),
    consoleWrite: flagOption("--console-write", {
      description: "let the console save rules to their file",
    }),
    ...ADD_ON_FLAGS,
    ...PROFILE_FLAGS,
  },
  examples: [
    { command: "llmgate dev", explains: "the whole stack on its default ports" },
    { command: "llmgate dev --port 0 --json", explains: "ingress on a free port, for scripts" },
    { command: "llmgate dev --upstream http://127.0.0.1:11434", explains: "in front of Ollama" },
    {
      command: "llmgate dev --profile router --static-hosts 127.0.0.1:8000,127.0.0.1:8001",
      explains: "a model router in front of two servers",
    },
    {
      command: "llmgate dev --profile responses --model-endpoint http://127.0.0.1:11434/v1",
      explains: "the OpenAI Responses API in front of Ollama",
    },
    { command: "llmgate dev --policy 127.0.0.1:9191", explains: "with your own ext_authz engine" },
  ],
  permissions: ["read", "write", "net", "env", "run", "sys"],
  async run(context) {
    const { options, print, style, signal, log } = context;
    const lost = new AbortController();
    const stop = AbortSignal.any([signal, lost.signal]);
    watchLaunchers(stop, (launcher) => {
      log(`The launcher "${launcher}" is gone: stopping`);
      lost.abort();
    }).catch((error) => log(`Cannot watch the launcher: ${messageOf(error)}`));
    const own = options.envoyConfig;
    await using adapted = await startAdapters(options.upstream ?? [], context);
    const started = { ...options, upstream: adapted.upstream };
    await using gateway = await startFromOptions(started, { ...context, signal: stop }, {
      console: consoleAbilities({
        isWritable: options.consoleWrite,
        flags: judgedFlags(options),
      }),
      ...(own !== undefined && { ownConfig: await readEnvoyConfig(own), live: true }),
    });
    await using _followed = own === undefined ? undefined : await follow(gateway, own, log);
    if (options.json) print(JSON.stringify(readyFields(gateway)));
    else welcome(gateway, context);
    const { isTerminal, columns: width } = context.host.stdout;
    // A file or a pipe takes a request a line, however long.
    const columns = isTerminal ? width : Infinity;
    if (!options.quiet) {
      gateway.onRequest((record) =>
        print(options.json ? JSON.stringify(record) : requestLine(record, style, columns))
      );
    }
    const failure = await Promise.race([gateway.failed, aborted(stop)]);
    if (failure) throw failure;
    return EXIT.ok;
  },
});

/** The flags of `check` that judge the same gateway on a stack of its own. */
function judgedFlags(options: {
  readonly profile: string;
  readonly rules?: string | undefined;
  readonly envoyPath?: string | undefined;
  readonly envoyVersion?: string | undefined;
}): string[] {
  const { profile, rules, envoyPath, envoyVersion } = options;
  const flags = {
    "--profile": profile,
    "--rules": rules,
    "--envoy-path": envoyPath,
    "--envoy-version": envoyVersion,
  };
  return Object.entries(flags).flatMap(([flag, value]) => value === undefined ? [] : [flag, value]);
}

async function follow(gateway: Gateway, path: string, log: Log): Promise<AsyncDisposable> {
  const { followConfig } = await loadModule<typeof import("../../gateway/mod.ts")>(
    "gateway/mod.ts",
  );
  return followConfig(gateway, path, log);
}

function welcome(
  gateway: Gateway,
  { print, style, options }: Context<{ readonly verbose: boolean }, unknown>,
): void {
  const ready = readyFields(gateway);
  const { envoy } = ready;
  const row = (label: string, text: string, foreign = false) =>
    `${label.padEnd(9)} ${text}${foreign ? style.notice("  foreign") : ""}`;
  const lines = [
    `${style.bold("base URL")}  ${style.good(`${ready.ingress}/v1`)}`,
    ...(gateway.policy?.rules?.parsed.keys.some(({ key }) => key === DEMO_KEY)
      ? [`${style.bold("API key")}   ${style.good(DEMO_KEY)}`]
      : []),
    `${style.bold("console")}   ${style.good(ready.console)}`,
    "",
    row("ingress", ready.ingress),
    ...(ready.ingress_tls === undefined ? [] : [row("", ready.ingress_tls)]),
    row("admin", ready.admin),
    row("policy", ready.policy, gateway.policy === undefined),
    ...gateway.part.welcome().map(({ label, text, foreign }) => row(label, text, foreign)),
    row("control", ready.control),
    row("Envoy", `${envoy.version}  ready after ${Math.round(gateway.envoy.readyMs)} ms`),
    row("config", envoy.config),
    ...(options.verbose
      ? [
        row("", `sha256 ${envoy.config_sha256}`),
        row("launched", `sha256 ${envoy.launched_sha256}`),
      ]
      : []),
    "",
    ...gateway.part.suggestions(gateway.url, gateway.tlsUrl).flatMap(({ title, command }) => [
      style.dim(`${title}:`),
      `  ${command}`,
    ]),
    "",
  ];
  for (const line of lines) print(line);
}
