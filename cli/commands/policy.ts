/** `llmgate policy`: runs the policy stub alone (ext_authz over gRPC). */
import { GrpcError } from "../../grpc/mod.ts";
import {
  DEFAULT_RULES,
  formatCheck,
  loadReplay,
  type ReplayReport,
  startPolicy,
} from "../../policy/mod.ts";
import {
  DEFAULT_PORTS,
  loadModule,
  messageOf,
  readTextFile,
  UnavailableError,
  UsageError,
} from "../../service/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";
import {
  addressOption,
  choiceOption,
  fileOption,
  flagOption,
  portOption,
  textOption,
} from "../../options/mod.ts";
import { readServerTls, SERVER_TLS_OPTIONS } from "../flags/tls_files.ts";

export const command = defineCommand({
  name: "policy",
  summary: "run the policy stub alone (ext_authz over gRPC)",
  description:
    `Serves envoy.service.auth.v3.Authorization, gRPC health and reflection, for use behind an Envoy of your own. Rules
    are reloaded when their file changes; a broken file is reported and the old rules stay. One line per decision.`,
  options: {
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "gRPC listener; 0 picks a free one",
      default: DEFAULT_PORTS.policy,
    }),
    rules: fileOption("--rules <FILE>", { description: "rules, reloaded on change" }),
    ...SERVER_TLS_OPTIONS,
    grpcServer: choiceOption("--grpc-server <ENGINE>", {
      choices: ["native", "grpc-js"],
      description:
        "what carries gRPC: this program's own HTTP/2; or @grpc/grpc-js, without TLS and not the default, " +
        "since Deno can abort when a client says GOAWAY (denoland/deno#36788)",
      default: "native",
    }),
    upstreamKeyEnv: textOption("--upstream-key-env <NAME>", {
      description: "environment variable with the provider's key, set in place of the client's",
    }),
    scriptSecretEnv: textOption("--script-secret-env <NAME>", {
      description: "environment variable with the secret that lets a check script answers",
    }),
    controlPort: portOption("--control-port <PORT>", {
      description: "serve metrics, health and the journal here; not served when left out",
    }),
    record: fileOption("--record <FILE>", {
      description: "append every Check, without its secrets, as JSON lines",
    }),
    replay: fileOption("--replay <FILE>", {
      description:
        "ask a recording's Checks again, of the rules or of --engine, and list every changed decision",
    }),
    engine: addressOption("--engine <HOST:PORT>", {
      description:
        "another policy engine to replay against; the rules then only say what the keys are",
    }),
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one per decision",
    }),
    quiet: flagOption("-q, --quiet", { description: "no line per decision" }),
  },
  examples: [
    { command: "llmgate policy", explains: "on 127.0.0.1:9002, with the demo rules" },
    { command: "llmgate policy --rules rules.yaml --port 0 --json", explains: "for scripts" },
    {
      command: "llmgate policy --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem",
      explains: "for an Envoy on another machine",
    },
    {
      command: "llmgate policy --replay checks.jsonl --rules new.yaml",
      explains: "what new rules would have decided; exit 1 when something changes",
    },
  ],
  permissions: ["read", "net", "env", "sys"],
  extraPermissions: ({ record }) => record === undefined ? [] : ["write"],
  async run({ options, host, log, print, signal }) {
    if (options.replay !== undefined) {
      const { formatReplay } = await loadReplay();
      const report = await replayFile(options.replay, { ...options, signal });
      print(options.json ? JSON.stringify(report) : formatReplay(report));
      return report.changed.length > 0 ? EXIT.failed : EXIT.ok;
    }
    const secret = (flag: string, name: string | undefined) => {
      const value = name === undefined ? undefined : host.env(name);
      if (name !== undefined && !value) {
        throw new UsageError(`Cannot use ${flag}: the environment variable "${name}" is not set`);
      }
      return value;
    };
    const providerKey = secret("--upstream-key-env", options.upstreamKeyEnv);
    const scriptSecret = secret("--script-secret-env", options.scriptSecretEnv);
    const tls = await readServerTls(options);
    if (tls !== undefined && options.grpcServer === "grpc-js") {
      throw new UsageError("Cannot serve TLS with --grpc-server grpc-js: leave one of them out");
    }
    await using policy = await startPolicy({
      host: options.host,
      port: options.port,
      engine: options.grpcServer,
      log,
      ...(options.rules === undefined ? {} : { rulesFile: options.rules }),
      ...(options.record === undefined ? {} : { recordFile: options.record }),
      ...(providerKey === undefined ? {} : { providerKey }),
      ...(scriptSecret === undefined ? {} : { scriptSecret }),
      ...(tls === undefined ? {} : { tls }),
      ...(options.quiet ? {} : {
        onCheck: (check) => print(options.json ? JSON.stringify(check) : formatCheck(check)),
      }),
    });
    await using stack = new AsyncDisposableStack();
    let control: string | undefined;
    if (options.controlPort !== undefined) {
      const { startControl } = await loadModule<typeof import("../../gateway/mod.ts")>(
        "gateway/mod.ts",
      );
      const server = await startControl({
        host: "127.0.0.1",
        port: options.controlPort,
        policy,
      });
      control = stack.use(server).url;
    }
    const { address, version } = policy;
    if (options.json) print(JSON.stringify({ policy: address, rules_version: version, control }));
    else {
      print(`policy    ${address}  rules ${version}${tls === undefined ? "" : "  TLS"}`);
      if (control !== undefined) print(`control   ${control}`);
    }
    await aborted(signal);
    return EXIT.ok;
  },
});

/** Replays a recording against a rules file, or the demo rules, or another engine. */
async function replayFile(
  path: string,
  { rules, engine, signal }: {
    rules: string | undefined;
    engine: string | undefined;
    signal: AbortSignal;
  },
): Promise<ReplayReport> {
  const { readRecording, replay } = await loadReplay();
  const recording = readRecording(await readText(path), path);
  try {
    return await replay(recording, {
      rules: rules === undefined ? DEFAULT_RULES : await readText(rules),
      rulesFile: rules ?? "the demo rules",
      signal,
      ...(engine === undefined ? {} : { engine: { address: engine } }),
    });
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    throw new UnavailableError(`Cannot replay against "${engine}": ${error.message}`);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readTextFile(path);
  } catch (error) {
    throw new UsageError(`Cannot read "${path}": ${messageOf(error)}`);
  }
}
