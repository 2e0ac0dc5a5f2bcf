/** A configuration file that is served: read, judged by Envoy, and served anew when it changes. */
import {
  assertAccepted,
  canonicalJson,
  describeDifferences,
  type EnvoyConfigFile,
  messageEncoder,
  problemsOf,
  readEnvoyConfig,
  type SchemaSource,
} from "../envoy/mod.ts";
import { type Log, messageOf, now, UsageError, watchFile } from "../service/mod.ts";
import { TYPE } from "./resources.ts";
import { type ServedConfig, servedConfig } from "./served_config.ts";

/** The judge of a configuration, and the message types by which it is encoded. */
export interface Judge {
  /** The Envoy that validates. */
  readonly envoyPath: string;
  /** A file that each configuration is written to for it. */
  readonly candidate: string;
  /** Its message types; those of the default version when left out. */
  readonly schema?: SchemaSource | undefined;
  /** Whether listeners are served to change, too. */
  readonly listeners: boolean;
}

/** Faults and differences that are shown one by one. */
const SHOWN = 20;

/**
 * Reads a configuration that can be served.
 *
 * @throws {UsageError} with file, line and column, or with Envoy's reason
 * @throws {UnavailableError} when Envoy cannot be run
 */
export async function acceptedConfig(file: EnvoyConfigFile, judge: Judge): Promise<ServedConfig> {
  const problems = [...new Set(await problemsOf(file, judge.schema))];
  if (problems.length > 0) throw new UsageError(problems.slice(0, SHOWN).join("\n  "));
  // The bootstrap of each Envoy says its name.
  await assertAccepted(file.text, { ...judge, node: "candidate" });
  const encode = await messageEncoder(judge.schema);
  return await servedConfig(file, { encode, listeners: judge.listeners });
}

/** Options of {@linkcode followServed}. */
export interface FollowOptions {
  readonly path: string;
  readonly judge: Judge;
  /** The configuration that is served at first. */
  readonly first: ServedConfig;
  /** Called with each one that takes its place. */
  readonly onChange: (next: ServedConfig) => void;
  readonly log: Log;
}

/**
 * Watches the file, and those of its secrets, until disposed. `log` gets what each change was, or why it was not made; whatever was served
 * before a refusal stays.
 */
export function followServed(options: FollowOptions): AsyncDisposable {
  let last: Promise<void> = Promise.resolve();
  let served = options.first;
  const watches = new Map<string, AsyncDisposable>();
  const look = () => {
    last = last.then(async () => {
      served = await changed(options, served);
      watch();
    });
  };
  // Files that are named no longer are watched on: they may be named again, and cost a look.
  let isOver = false;
  const watch = () => {
    if (isOver) return;
    for (const path of [options.path, ...served.files]) {
      if (!watches.has(path)) watches.set(path, watchFile(path, look));
    }
  };
  watch();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all([...watches.values()].map((one) => one[Symbol.asyncDispose]()));
      await last;
    },
  };
}

/** Returns what is served from now on; never rejects. */
async function changed(
  { path, judge, onChange, log }: FollowOptions,
  served: ServedConfig,
): Promise<ServedConfig> {
  const began = now();
  try {
    const next = await acceptedConfig(await readEnvoyConfig(path, { again: true }), judge);
    const isHeld = canonicalJson(served.kept) !== canonicalJson(next.kept);
    const shown = isHeld ? describeDifferences(served.kept, next.kept) : [
      ...describeDifferences(served.config, next.config),
      ...secretsThatDiffer(served, next).map((name) => `secrets/${name}: changed`),
    ];
    if (shown.length === 0) return served;
    log(
      isHeld
        ? restart(path)
        : `${path} is served, ${Math.round(now() - began)} ms after it changed:`,
    );
    if (!isHeld && versionOf(served, TYPE.lds) !== versionOf(next, TYPE.lds)) log(DRAINS);
    for (const line of shown.slice(0, SHOWN)) log(`  ${line}`);
    if (shown.length > SHOWN) log(`  and ${shown.length - SHOWN} more`);
    if (isHeld) return served;
    onChange(next);
    return next;
  } catch (error) {
    log(`${path} is not served, the configuration before it stays:\n  ${messageOf(error)}`);
    return served;
  }
}

/** Envoy's default of --drain-time-s is 600. */
const DRAINS =
  "  a listener changes: its running streams end once Envoy has drained it, after 600 s unless --drain-time-s says less";

function versionOf({ snapshot }: ServedConfig, typeUrl: string): string | undefined {
  return snapshot.types.get(typeUrl)?.version;
}

/** Names of the secrets that one of them does not have, or has otherwise. */
function secretsThatDiffer(from: ServedConfig, to: ServedConfig): string[] {
  const of = ({ snapshot }: ServedConfig) => snapshot.types.get(TYPE.sds)?.byName ?? new Map();
  const [before, after] = [of(from), of(to)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name)?.version !== after.get(name)?.version);
}

function restart(path: string): string {
  return `${path} is not served, the configuration before it stays. What follows stands in each Envoy's bootstrap: ` +
    "print it anew (--print-bootstrap), start this server again, and restart the Envoys (hot restart keeps their " +
    "streams):";
}
