/** Runs one Envoy: from its launched configuration to live and listening, and to its drained end. */
import { join } from "node:path";
import {
  type ChildProcess,
  defined,
  delay,
  type ExitStatus,
  messageOf,
  now,
  PRIVATE,
  startDeadline,
  startProcess,
  UnavailableError,
} from "../service/mod.ts";
import { type AccessLogEntry, AccessLogFollower } from "./access_log.ts";
import { AdminClient } from "./admin.ts";
import type { EnvoyConfigFile } from "./config_file.ts";
import { DiscoveryFolder } from "./discovery/folder.ts";
import { type ConfigChange, LiveConfig } from "./discovery/live_config.ts";
import { splitConfig } from "./discovery/split.ts";
import { lastLines } from "./log_tail.ts";
import { watchLog } from "./log_watch.ts";
import { type EnvoyOverlay, type HostPort, launchConfig, type LaunchedConfig } from "./overlay.ts";
import { valueAt } from "./tree.ts";

/** How to start an Envoy. */
export interface EnvoyOptions {
  /** The executable; `findEnvoy()` gets one. */
  readonly path: string;
  readonly config: EnvoyConfigFile;
  readonly overlay: EnvoyOverlay;
  /** Existing directory that receives the launched configuration and every log. */
  readonly runDir: string;
  /** Whether routes, clusters, endpoints and filters can be changed while it runs. */
  readonly live?: boolean;
  /** Its place among those that replace each other (hot restart); none replaces it when left out. */
  readonly generation?: { readonly baseId: number; readonly epoch: number };
  /** Called for each finished request, within about 70 ms of its end. */
  readonly onRequest?: (entry: AccessLogEntry) => void;
  /** Called once when lines of finished requests were lost: no room on the disk, say. */
  readonly onLogLost?: () => void;
  /** Worker threads; one per core when left out. */
  readonly concurrency?: number;
  /** Envoy's own log level, `info` when left out. */
  readonly logLevel?: "trace" | "debug" | "info" | "warning" | "error" | "critical";
  /** Milliseconds until Envoy must be live; 10,000 when left out. */
  readonly readyMs?: number;
  /** Milliseconds that running streams get at the end; 5,000 when left out. */
  readonly graceMs?: number;
  /** Environment variables beside our own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** An Envoy that is live and listens. Disposing it gives running streams their grace and stops it. */
export interface RunningEnvoy extends AsyncDisposable {
  readonly pid: number;
  /** `1.40.0`, as the running Envoy says. */
  readonly version: string;
  /** The executable. */
  readonly path: string;
  readonly launched: LaunchedConfig;
  /** Changes the configuration; undefined unless it was started `live`. */
  readonly change: ((file: EnvoyConfigFile) => Promise<ConfigChange>) | undefined;
  /**
   * Starts another Envoy on the same ports, which takes over the sockets; resolves when it is live. The one before
   * serves its streams to their end, at most for {@linkcode OLD_STREAMS_S} seconds. Undefined unless it can be replaced.
   *
   * @throws {UnavailableError} when the new one does not start; the one before goes on
   */
  readonly restart?: (file: EnvoyConfigFile) => Promise<void>;
  /** The file's name, for reports. */
  readonly configName: string;
  /** The file's text. */
  readonly configText: string;
  readonly configSha256: string;
  readonly launchedSha256: string;
  readonly admin: AdminClient;
  /** Where each listener really listens, by name. */
  readonly listeners: ReadonlyMap<string, HostPort>;
  /** Milliseconds from the start of the process to live and listening. */
  readonly readyMs: number;
  readonly runDir: string;
  readonly launchedPath: string;
  readonly accessLogPath: string;
  readonly logPath: string;
  /** Resolves when the process has ended, however that came about. */
  readonly exited: Promise<ExitStatus>;
  /** Returns the last lines of Envoy's own log. */
  lastLog(lines?: number): Promise<string>;
  /** Writes `stats.txt` and `config_dump.json` into the run directory, while Envoy runs. */
  saveEvidence(): Promise<void>;
  /** Waits for running streams up to the grace, then stops. An aborted `signal` ends the wait. */
  stop(options?: { graceMs?: number; signal?: AbortSignal }): Promise<ExitStatus>;
}

/** Contract, "Times and limits": Envoy ready. */
const READY_MS = 10_000;
/** Contract, "Times and limits": grace for running streams at shutdown. */
const GRACE_MS = 5_000;
/** Between looks at a starting Envoy: a look costs well under a millisecond. */
const READY_POLL_MS = 3;
/** Between looks at the running streams of a draining Envoy. */
const DRAIN_POLL_MS = 25;
/** How long Envoy gets between SIGTERM and SIGKILL: it ends within 50 ms when it is well. */
const KILL_MS = 2_000;
/** Contract, "Times and limits": access log flush. Envoy's default is 10 s. */
const FLUSH_MS = 50;

/**
 * Starts Envoy with a configuration and resolves when it is live and every listener is bound.
 *
 * @throws {UnavailableError} with the last readiness failure and the last lines of Envoy's log,
 *   when Envoy ends or is not live in time
 * @throws {UsageError} when the configuration lacks what the overlay names
 */
export async function startEnvoy(options: EnvoyOptions): Promise<RunningEnvoy> {
  try {
    return await launch(options, crypto.randomUUID());
  } catch (error) {
    // Envoy 1.36 ends at once: it cannot limit the paths of its admin.
    if (!/no\s+such field: 'allow_paths'/.test(messageOf(error))) throw error;
    return await launch(options, undefined);
  }
}

async function launch(
  options: EnvoyOptions,
  adminKey: string | undefined,
): Promise<RunningEnvoy> {
  options.signal?.throwIfAborted();
  const files = filesOf(options.runDir);
  const launchOf = (file: EnvoyConfigFile) =>
    launchConfig(file, {
      accessLogPath: files.accessLog,
      ...defined({ adminKey }),
      ...options.overlay,
    });
  const launched = launchOf(options.config);
  const folder = options.live ? new DiscoveryFolder(join(options.runDir, "xds")) : undefined;
  // Not awaited, so that the process runs before the caller goes on: what it loads then is loaded beside Envoy's start.
  Deno.writeTextFileSync(files.config, givenText(launched, folder), PRIVATE);
  const started = now();
  await using rescue = new AsyncDisposableStack();
  const process = rescue.use(
    await startProcess({
      command: options.path,
      args: argumentsOf(options, files),
      stdout: { file: files.accessLog },
      stderr: { file: files.log },
      graceMs: KILL_MS,
      ...defined({ env: options.env }),
    }),
  );
  const admin = rescue.use(await becomeLive({ options, files, adminKey, launched, process }));
  const [listeners, info] = await Promise.all([admin.listeners(), admin.serverInfo()]);
  const readyMs = now() - started;
  if (options.onRequest !== undefined) {
    rescue.use(new AccessLogFollower(files.accessLog, options.onRequest));
  }
  if (options.onLogLost !== undefined) rescue.use(watchLog(admin, options.onLogLost));
  const live = folder && new LiveConfig({
    launched,
    folder,
    admin,
    envoyPath: options.path,
    concurrency: options.concurrency,
    runDir: options.runDir,
    logPath: files.log,
  });
  const shutdown = new Shutdown(process, admin, rescue.move());
  return {
    pid: process.pid,
    version: info.version.split("/")[1] ?? info.version,
    path: options.path,
    get launched() {
      return live?.launched ?? launched;
    },
    change: live && ((file) => live.apply(launchOf(file))),
    configName: options.config.name,
    configText: options.config.text,
    configSha256: launched.configSha256,
    launchedSha256: launched.launchedSha256,
    admin,
    listeners,
    readyMs,
    runDir: options.runDir,
    launchedPath: files.config,
    accessLogPath: accessLogPathOf(launched) ?? files.accessLog,
    logPath: files.log,
    exited: process.exited,
    lastLog: (lines = 8) => lastLines(files.log, lines),
    saveEvidence: () => saveEvidence(admin, options.runDir),
    stop: ({ graceMs = options.graceMs ?? GRACE_MS, signal } = {}) => shutdown.run(graceMs, signal),
    [Symbol.asyncDispose]: async () => {
      await shutdown.run(options.graceMs ?? GRACE_MS);
    },
  };
}

/** The file that Envoy is given: the whole configuration, or what is left of it beside the resources in a folder. */
function givenText(launched: LaunchedConfig, folder: DiscoveryFolder | undefined): string {
  if (folder === undefined) return launched.text;
  const { bootstrap, resources } = splitConfig(launched.bootstrap, folder.sourceOf);
  folder.write(resources);
  return `${JSON.stringify(bootstrap, null, 1)}\n`;
}

interface RunFiles {
  readonly config: string;
  readonly log: string;
  readonly accessLog: string;
  readonly adminAddress: string;
}

function filesOf(runDir: string): RunFiles {
  return {
    config: join(runDir, "envoy.json"),
    log: join(runDir, "envoy.log"),
    accessLog: join(runDir, "access.log"),
    adminAddress: join(runDir, "admin_address.txt"),
  };
}

function argumentsOf(options: EnvoyOptions, files: RunFiles): string[] {
  return [
    ...["-c", files.config],
    ...["--admin-address-path", files.adminAddress],
    ...["--file-flush-interval-msec", String(FLUSH_MS)],
    ...["--log-level", options.logLevel ?? "info"],
    // At info it lists every extension that is built in: 50 KB.
    ...(options.logLevel === undefined ? ["--component-log-level", "main:warning"] : []),
    ...generationArguments(options.generation),
    ...(options.concurrency === undefined ? [] : ["--concurrency", String(options.concurrency)]),
  ];
}

/** Seconds in which an Envoy that is replaced tells its connections to go. */
const DRAIN_S = 10;
/** Seconds that streams of a replaced Envoy get: its end cuts those that are left. */
export const OLD_STREAMS_S = 600;

function generationArguments(generation: EnvoyOptions["generation"]): string[] {
  // Hot restart claims a shared memory region by number, and a second stack would find it taken.
  if (generation === undefined) return ["--disable-hot-restart"];
  return [
    ...["--base-id", String(generation.baseId), "--restart-epoch", String(generation.epoch)],
    ...["--drain-time-s", String(DRAIN_S), "--parent-shutdown-time-s", String(OLD_STREAMS_S)],
  ];
}

interface Starting {
  readonly options: EnvoyOptions;
  readonly files: RunFiles;
  readonly adminKey: string | undefined;
  readonly launched: LaunchedConfig;
  readonly process: ChildProcess;
}

/** Polls until Envoy says it is live. Whatever it last said is the error when it never does. */
async function becomeLive(starting: Starting): Promise<AdminClient> {
  const { options, files, adminKey, process } = starting;
  const limit = options.readyMs ?? READY_MS;
  let ended: ExitStatus | undefined;
  process.exited.then((status) => ended = status, () => {});
  let admin: AdminClient | undefined;
  let last = "no admin address yet";
  let isOver = false;
  using _ = startDeadline(limit, () => isOver = true);
  while (!isOver && ended === undefined && !options.signal?.aborted) {
    try {
      admin ??= await adminOf(files.adminAddress, adminKey);
      const { live, state } = await admin?.ready() ?? { live: false, state: last };
      if (live && admin !== undefined) return admin;
      last = state;
    } catch (error) {
      last = messageOf(error);
    }
    await delay(READY_POLL_MS);
  }
  admin?.[Symbol.dispose]();
  options.signal?.throwIfAborted();
  const why = ended === undefined
    ? `not live after ${limit} ms: ${last}`
    : `it ended with ${describeExit(ended)}`;
  throw new UnavailableError(
    `Cannot start Envoy "${options.path}": ${why}\n${await lastLines(files.log, 8)}` +
      `\nEverything it wrote is in ${options.runDir}`,
  );
}

/** Envoy writes the file once its admin listener is bound; it is empty for an instant. */
async function adminOf(path: string, key: string | undefined): Promise<AdminClient | undefined> {
  const text = await Deno.readTextFile(path).catch(() => "");
  const colon = text.lastIndexOf(":");
  const port = Number(text.slice(colon + 1));
  if (colon < 0 || !(port > 0)) return undefined;
  return new AdminClient({ host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port }, key);
}

/** Says how a process ended: `exit code 1`, or the signal. */
export function describeExit({ code, signal }: ExitStatus): string {
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}

async function saveEvidence(admin: AdminClient, runDir: string): Promise<void> {
  const [stats, dump] = await Promise.all([admin.statsText(), admin.configDump()]);
  await Promise.all([
    Deno.writeTextFile(join(runDir, "stats.txt"), stats, PRIVATE),
    Deno.writeTextFile(join(runDir, "config_dump.json"), JSON.stringify(dump, null, 1), PRIVATE),
  ]);
}

/** The end of an Envoy: drain, SIGTERM, then what is held for it. Runs once, however often it is asked for. */
class Shutdown {
  readonly #process: ChildProcess;
  readonly #admin: AdminClient;
  readonly #held: AsyncDisposableStack;
  #ended = false;
  #running: Promise<ExitStatus> | undefined;

  constructor(process: ChildProcess, admin: AdminClient, held: AsyncDisposableStack) {
    this.#process = process;
    this.#admin = admin;
    this.#held = held;
    process.exited.then(() => this.#ended = true, () => {});
  }

  run(graceMs: number, signal?: AbortSignal): Promise<ExitStatus> {
    return this.#running ??= this.#run(graceMs, signal);
  }

  async #run(graceMs: number, signal?: AbortSignal): Promise<ExitStatus> {
    await this.#drain(graceMs, signal);
    const status = await this.#process.stop(KILL_MS);
    await this.#held.disposeAsync();
    return status;
  }

  /** No new connections; waits until the running streams are done. */
  async #drain(graceMs: number, signal?: AbortSignal): Promise<void> {
    const end = now() + graceMs;
    try {
      if (await this.#active() === 0) return;
      await this.#admin.drainListeners();
      while (!this.#ended && !signal?.aborted && now() < end && await this.#active() > 0) {
        await delay(DRAIN_POLL_MS, signal).catch(() => {});
      }
    } catch {
      // An Envoy that no longer answers has no stream left to wait for.
    }
  }

  async #active(): Promise<number> {
    return this.#ended ? 0 : await this.#admin.activeRequests();
  }
}

function accessLogPathOf({ bootstrap }: LaunchedConfig): string | undefined {
  const path = valueAt(
    bootstrap,
    "static_resources/listeners/0/filter_chains/0/filters/0/typed_config/access_log/0/typed_config/path",
  );
  return typeof path === "string" ? path : undefined;
}
