/** The program's own version, and what it was built from. */
import configuration from "../deno.json" with { type: "json" };
import type { Runtime } from "./host.ts";

/** Own version, as deno.json says. */
export const VERSION: string = configuration.version;

/** Facts of the build that a running binary could not find out; scripts/build/bundle.ts puts them at the top of the program. */
export interface BuildInfo {
  readonly commit: string | null;
  readonly lock_sha256: string | null;
  /** The Envoy that the binary carries (`--with-envoy`). */
  readonly envoy?: EmbeddedEnvoy;
}

/** An Envoy executable inside of the binary, packed by gzip. */
export interface EmbeddedEnvoy {
  readonly version: string;
  /** Of the executable, unpacked. */
  readonly sha256: string;
  readonly gzip_bytes: number;
}

/** Name of the packed Envoy beside the entry in a program made by `deno compile`. */
export const EMBEDDED_ENVOY = "envoy.gz";

/** Everything `llmgate version --json` prints. */
export interface VersionFacts extends Omit<BuildInfo, "envoy"> {
  readonly llmgate: string;
  readonly deno: string;
  readonly v8: string;
  readonly kind: Runtime["kind"];
  readonly os: string;
  readonly arch: string;
  /** The Envoy that is used when none is asked for. */
  readonly envoy: string;
  /** Version of the Envoy inside of this binary, or null. */
  readonly embedded_envoy: string | null;
}

/** The facts of this build, or undefined when run from source. */
export function buildInfo(): BuildInfo | undefined {
  return (globalThis as { LLMGATE_BUILD?: BuildInfo }).LLMGATE_BUILD;
}

/** Collects the versions; from source it reads the checkout's commit and lock file, where there are any. */
export async function versionFacts(runtime: Runtime, envoy: string): Promise<VersionFacts> {
  const built = buildInfo() ?? await sourceInfo(new URL("../", import.meta.url));
  const { deno, v8, kind, os, arch } = runtime;
  return {
    llmgate: VERSION,
    commit: built.commit,
    deno,
    v8,
    kind,
    os,
    arch,
    lock_sha256: built.lock_sha256,
    envoy,
    embedded_envoy: built.envoy?.version ?? null,
  };
}

/** The same facts of a checkout. Each is null where it cannot be read, as in an unpacked archive. */
export async function sourceInfo(root: URL): Promise<BuildInfo> {
  return {
    commit: await headCommit(root),
    lock_sha256: await sha256Of(new URL("deno.lock", root)),
  };
}

/** Follows .git/HEAD by hand, so that it needs neither git nor the permission to run it. */
async function headCommit(root: URL): Promise<string | null> {
  try {
    const { own, common } = await gitFolders(root);
    const head = (await Deno.readTextFile(`${own}/HEAD`)).trim();
    const ref = /^ref: (.+)$/.exec(head)?.[1];
    if (ref === undefined) return head;
    const loose = await Deno.readTextFile(`${common}/${ref}`).catch(() => undefined);
    if (loose !== undefined) return loose.trim();
    const packed = await Deno.readTextFile(`${common}/packed-refs`);
    const line = packed.split("\n").find((text) => text.endsWith(` ${ref}`));
    return line?.split(" ")[0] ?? null;
  } catch {
    return null;
  }
}

/** Where HEAD lies and where branches do; they differ in a worktree, whose .git is a file that names its folder. */
async function gitFolders(root: URL): Promise<{ own: string; common: string }> {
  // Loaded here: main() prints the version without any of Deno's node: modules.
  const { resolve } = await import("node:path");
  const { fileURLToPath } = await import("node:url");
  const git = fileURLToPath(new URL(".git", root));
  if ((await Deno.stat(git)).isDirectory) return { own: git, common: git };
  const own = resolve(
    fileURLToPath(root),
    (await Deno.readTextFile(git)).replace(/^gitdir:/, "").trim(),
  );
  const common = (await Deno.readTextFile(`${own}/commondir`)).trim();
  return { own, common: resolve(own, common) };
}

async function sha256Of(file: URL): Promise<string | null> {
  try {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(file));
    return new Uint8Array(digest).toHex();
  } catch {
    return null;
  }
}
