/** `llmgate upstream`: runs the mock OpenAI upstream alone. */
import {
  exchangeLine as jsonLine,
  type Pace,
  parsePace,
  startUpstream,
  startUpstreamThreads,
  type UpstreamExchange,
  type UpstreamOptions,
} from "../../upstream/mod.ts";
import {
  DEFAULT_PORTS,
  loadModule,
  messageOf,
  redactedTarget,
  shown,
  UsageError,
} from "../../service/mod.ts";
import { aborted, defineCommand, EXIT } from "../command.ts";
import type { Host } from "../host.ts";
import {
  directoryOption,
  flagOption,
  integerOption,
  type Option,
  portOption,
  repeated,
  textOption,
} from "../../options/mod.ts";

const paceOption: Option<Partial<Pace> | undefined> = {
  ...textOption("--pace <PACE>", {
    description:
      `how fast answers come, in milliseconds: "ttft=50,itl=20" is the default, "0" as fast as possible`,
  }),
  parse(value) {
    try {
      return parsePace(value);
    } catch (error) {
      throw new UsageError(messageOf(error));
    }
  },
  fallback: undefined,
};

/** `original`, `none`, or how many times as long as recorded. */
const timingOption: Option<number> = {
  ...textOption("--timing <SCALE>", {
    description: `with --replay: "original", "none", or a factor such as 0.5 for twice as fast`,
  }),
  parse(value, name) {
    const scale = value === "original" ? 1 : value === "none" ? 0 : Number(value);
    if (value.trim() !== "" && Number.isFinite(scale) && scale >= 0) return scale;
    throw new UsageError(
      `Cannot use ${name}: it must be "original", "none" or a factor of at least 0: current value is "${value}"`,
    );
  },
  fallback: 1,
  defaultText: "original",
};

export const command = defineCommand({
  name: "upstream",
  summary: "run the mock model server alone",
  description:
    `The endpoints of OpenAI, Anthropic (Messages) and Gemini in full shape, over HTTP/1.1 and HTTP/2 on one port, for
    use behind a gateway of your own or in place of a provider in tests. The same request gets the same bytes. A request can script its answer with the header x-mock-script, scenario files with
    what they match; a real upstream can be recorded and replayed. One line per request. docs/upstream.md has the rest.`,
  options: {
    host: textOption("--host <ADDRESS>", {
      description: "interface to listen on",
      default: "127.0.0.1",
    }),
    port: portOption("--port <PORT>", {
      description: "0 picks a free one",
      default: DEFAULT_PORTS.upstream,
    }),
    model: repeated(textOption("--model <ID>", {
      description: "a model that exists; every name does when none is given",
    })),
    pace: paceOption,
    scenarios: directoryOption("--scenarios <DIR>", {
      description:
        "what to answer to what: replies, errors, sequences, scripts; reloaded when a file changes",
    }),
    record: directoryOption("--record <DIR>", {
      description: "forward to --upstream what no script answers, and store the answers here",
    }),
    upstream: textOption("--upstream <URL>", {
      description: "the real upstream to record, up to its /v1",
    }),
    upstreamKeyEnv: textOption("--upstream-key-env <NAME>", {
      description: "environment variable with the provider's key, sent in place of the client's",
    }),
    replay: directoryOption("--replay <DIR>", {
      description: "answer from recordings, byte for byte; never dials out",
    }),
    timing: timingOption,
    strict: flagOption("--strict", {
      description:
        "a request that no scenario and no recording answers is an error that names the nearest one",
    }),
    bodies: flagOption("--bodies", {
      description: "keep request bodies in the journal, up to 16 KiB each: for tests",
    }),
    threads: integerOption("--threads <COUNT>", {
      description:
        "answer from several threads on one port, for load (Linux): without journal, recording and control port",
      default: 1,
      min: 1,
      max: 64,
    }),
    controlPort: portOption("--control-port <PORT>", {
      description: "serve metrics, health, journal and mock control here; not served when left out",
    }),
    json: flagOption("--json", {
      description: "print JSON: one line when ready, then one per request",
    }),
    quiet: flagOption("-q, --quiet", { description: "no line per request" }),
  },
  examples: [
    { command: "llmgate upstream", explains: "on http://127.0.0.1:9000" },
    { command: "llmgate upstream --port 0 --json", explains: "for scripts" },
    {
      command:
        "llmgate upstream --record DIR --upstream https://api.openai.com --upstream-key-env OPENAI_API_KEY",
      explains: "store what a real upstream says",
    },
    {
      command: "llmgate upstream --scenarios DIR --strict",
      explains: "answers of your own, and no others",
    },
    { command: "llmgate upstream --replay DIR --strict", explains: "say it again, offline" },
    { command: "llmgate upstream --pace 0 --model gpt-4o", explains: "fast, with one model" },
    { command: "llmgate upstream --pace 0 --threads 4 -q", explains: "a source of load" },
  ],
  permissions: ["read", "net", "env", "sys"],
  extraPermissions: ({ record }) => record === undefined ? [] : ["write"],
  async run({ options, host, log, print, signal }) {
    const tape = tapeOf(options, host);
    const settings = {
      host: options.host,
      port: options.port,
      log,
      ...(options.model.length === 0 ? {} : { models: options.model }),
      ...(options.quiet ? {} : {
        onEnd: (exchange: UpstreamExchange) =>
          print(options.json ? jsonLine(exchange) : exchangeLine(exchange)),
      }),
      ...(options.scenarios === undefined ? {} : { scenarios: options.scenarios }),
      ...(options.replay === undefined ? { strict: options.strict } : {}),
      bodyTexts: options.bodies,
      ...(options.pace === undefined ? {} : { pace: options.pace }),
    };
    const { threads } = options;
    if (threads > 1) {
      assertNothingShared(options);
      await using upstream = await startUpstreamThreads({ ...settings, threads });
      const { url } = upstream;
      print(options.json ? JSON.stringify({ upstream: url, threads }) : `upstream  ${url}`);
      await Promise.race([aborted(signal), upstream.failed]);
      return EXIT.ok;
    }
    await using upstream = await startUpstream({ ...settings, ...tape });
    await using stack = new AsyncDisposableStack();
    let control: string | undefined;
    if (options.controlPort !== undefined) {
      const { startControl } = await loadModule<typeof import("../../gateway/mod.ts")>(
        "gateway/mod.ts",
      );
      const server = await startControl({
        host: "127.0.0.1",
        port: options.controlPort,
        upstream,
        backends: [upstream],
      });
      control = stack.use(server).url;
    }
    if (options.json) print(JSON.stringify({ upstream: upstream.url, control }));
    else {
      print(`upstream  ${upstream.url}`);
      if (control !== undefined) print(`control   ${control}`);
    }
    await aborted(signal);
    return EXIT.ok;
  },
});

/** Threads have no memory in common, where one journal, script or recording could be. */
function assertNothingShared(options: {
  readonly record?: string | undefined;
  readonly replay?: string | undefined;
  readonly controlPort?: number | undefined;
}): void {
  const flags = {
    "--record": options.record,
    "--replay": options.replay,
    "--control-port": options.controlPort,
  };
  for (const [flag, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    throw new UsageError(
      `Cannot use ${flag} with --threads: threads have no memory in common: leave one of both out`,
    );
  }
}

interface TapeOptions {
  readonly record?: string | undefined;
  readonly upstream?: string | undefined;
  readonly upstreamKeyEnv?: string | undefined;
  readonly replay?: string | undefined;
  readonly timing: number;
  readonly strict: boolean;
}

function tapeOf(options: TapeOptions, host: Host): Pick<UpstreamOptions, "record" | "replay"> {
  const { record, upstream, upstreamKeyEnv, replay, timing: scale, strict } = options;
  if (record !== undefined && replay !== undefined) {
    throw new UsageError("Cannot use --record and --replay together: choose one");
  }
  if ((record === undefined) !== (upstream === undefined)) {
    throw new UsageError("Cannot use one of --record and --upstream: recording needs both");
  }
  if (replay !== undefined) return { replay: { folder: replay, scale, strict } };
  if (record === undefined || upstream === undefined) return {};
  if (upstreamKeyEnv === undefined) return { record: { folder: record, upstream } };
  const key = host.env(upstreamKeyEnv);
  if (key === undefined || key === "") {
    throw new UsageError(
      `Cannot use --upstream-key-env: the environment variable "${upstreamKeyEnv}" is not set: it must hold the provider's key`,
    );
  }
  return { record: { folder: record, upstream, key } };
}

function exchangeLine(exchange: UpstreamExchange): string {
  const { method, target, status, events, bytesWritten, end, receivedAt } = exchange;
  const ms = ((exchange.endedAt ?? receivedAt) - receivedAt).toFixed(1);
  const parts = [
    shown(`${method} ${redactedTarget(target)}`),
    status ?? "-",
    `${bytesWritten} bytes`,
  ];
  if (events > 0) parts.push(`${events} events`);
  return [...parts, end, `${ms} ms`].join("  ");
}
