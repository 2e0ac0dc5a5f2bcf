/** Lets Envoy itself validate a configuration (`--mode validate`). */
import { PRIVATE, UnavailableError, UsageError } from "../service/mod.ts";

/** Envoy's verdict on a configuration. */
export interface Validation {
  readonly ok: boolean;
  /** Its warnings and errors, deprecations among them, without time and source position. */
  readonly messages: readonly string[];
}

/** Envoy validates in a few milliseconds; a configuration that makes it resolve names may take longer. */
const DEADLINE_MS = 30_000;

/** `[2026-01-01 00:00:00.000][17][warning][main] [source/server/server.cc:989] text` */
const LOG_LINE = /^\[[^\]]+\]\[\d+\]\[(\w+)\]\[\w+\]\s*(?:\[[^\]]+\]\s*)?(.*)$/;

/**
 * Lets `envoy --mode validate` judge a configuration file: nothing is listened to and nothing dialled.
 *
 * @throws {UnavailableError} when Envoy cannot be run, or does not end in time
 */
export async function validateConfig(
  envoyPath: string,
  configPath: string,
  options: {
    signal?: AbortSignal;
    concurrency?: number | undefined;
    /** The Envoy's name, for a file that does not say it and needs one. */
    node?: string | undefined;
  } = {},
): Promise<Validation> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const { signal = deadline } = options;
  // Some settings need a certain number of workers.
  const workers = options.concurrency === undefined
    ? []
    : ["--concurrency", String(options.concurrency)];
  const named = options.node === undefined
    ? []
    : ["--service-node", options.node, "--service-cluster", options.node];
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(envoyPath, {
      args: [
        "--mode",
        "validate",
        "--log-level",
        "warning",
        "-c",
        configPath,
        ...workers,
        ...named,
      ],
      stdin: "null",
      signal: AbortSignal.any([deadline, signal]),
    }).output();
  } catch (error) {
    throw new UnavailableError(
      `Cannot run "${envoyPath}": ${error instanceof Error ? error.message : error}`,
    );
  }
  signal.throwIfAborted();
  if (deadline.aborted) {
    throw new UnavailableError(`Validate "${configPath}": not done within ${DEADLINE_MS} ms`);
  }
  return { ok: output.code === 0, messages: logMessages(new TextDecoder().decode(output.stderr)) };
}

/**
 * Lets Envoy judge the text of a configuration, before it is used.
 *
 * @param candidate a file that is written for it, and stays
 * @throws {UsageError} with Envoy's reason when it refuses
 * @throws {UnavailableError} when Envoy cannot be run, or does not end in time
 */
export async function assertAccepted(
  text: string,
  { envoyPath, candidate, concurrency, node }: {
    readonly envoyPath: string;
    readonly candidate: string;
    readonly concurrency?: number | undefined;
    readonly node?: string | undefined;
  },
): Promise<void> {
  await Deno.writeTextFile(candidate, text, PRIVATE);
  const { ok, messages } = await validateConfig(envoyPath, candidate, { concurrency, node });
  if (ok) return;
  const reason = messages.findLast((message) => /^(critical|error)/.test(message)) ?? "";
  // The message goes on with the whole configuration.
  const [said = ""] = reason.split("\n");
  throw new UsageError(
    `Envoy refuses it: ${
      said.replace(/^\w+: (error initializing configuration '[^']*': )?/, "").trim()
    }`,
  );
}

/** The messages of Envoy's log; lines that continue a message are joined to it. */
export function logMessages(text: string): string[] {
  const messages: string[] = [];
  for (const line of text.split("\n")) {
    const [, level, message] = LOG_LINE.exec(line) ?? [];
    if (message !== undefined) messages.push(`${level}: ${message}`);
    else if (line.trim() !== "") messages.push(`${messages.pop() ?? ""}\n${line}`.trim());
  }
  return messages;
}
