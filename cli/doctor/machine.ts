/** Checks of the doctor about the machine: platform, Deno, descriptors, proxies, tools. */
import { type Counted, filesFor, streamsWithin } from "../../gateway/mod.ts";
import { type Check, type Finding, note, ok, problem } from "./finding.ts";
import type { Probe } from "./probe.ts";

/** The wheels of Envoy are built for it (PEP 600 tag manylinux_2_31). */
const MIN_GLIBC = [2, 31] as const;

/** The wheel's tag says macosx_15_0_arm64. */
const MIN_MACOS = 15;

/** The oldest runtime that our tests pass on. */
const MIN_DENO = [2, 6, 10] as const;

/** Clients that Envoy lets in (`envoy/configs/*.yaml`, overload manager). */
const MAX_STREAMS = 50_000;

/** Streams at once below which even a laptop's load test fails. */
const LEAST_STREAMS = 400;

/** Returns the checks of the machine, for a gateway of this profile. */
export function machineChecks(probe: Probe, profile: Counted): Check[] {
  return [
    { id: "platform", run: () => platform(probe) },
    { id: "deno", run: () => Promise.resolve([denoVersion(probe)]) },
    { id: "descriptors", run: () => descriptors(probe, profile) },
    { id: "proxy", run: () => Promise.resolve(proxies(probe)) },
    { id: "tools", run: () => tools(probe) },
  ];
}

async function platform(probe: Probe): Promise<Finding[]> {
  const where = `${probe.os} ${probe.arch}`;
  if (probe.os === "windows") {
    return [problem(
      "platform",
      `${where}: Envoy has no Windows build any more`,
      "run dev, demo and check inside WSL2; the other commands work here",
    )];
  }
  if (probe.os === "darwin") return [await macos(probe, where)];
  if (probe.os !== "linux") {
    return [problem("platform", `${where}: Envoy is not built for it`, "use Linux or macOS")];
  }
  const { code, text } = await probe.run("getconf", ["GNU_LIBC_VERSION"]);
  const glibc = code === 0 ? /(\d+)\.(\d+)/.exec(text) : null;
  if (glibc === null) {
    return [problem(
      "platform",
      `${where}, no GNU C library found (musl, as on Alpine?)`,
      "Envoy's builds need glibc: use a Debian, Ubuntu or Fedora system or image",
    )];
  }
  const version = [Number(glibc[1]), Number(glibc[2])];
  if (isOlder(version, MIN_GLIBC)) {
    return [problem(
      "platform",
      `${where}, glibc ${version.join(".")}`,
      `Envoy needs ${
        MIN_GLIBC.join(".")
      } or newer: upgrade the system, or name an Envoy of your own by --envoy-path`,
    )];
  }
  return [ok("platform", `${where}, glibc ${version.join(".")}`)];
}

async function macos(probe: Probe, where: string): Promise<Finding> {
  const { text } = await probe.run("sw_vers", ["-productVersion"]);
  const major = Number(text.split(".")[0]);
  if (probe.arch !== "aarch64") {
    return note(
      "platform",
      `${where}, macOS ${text}`,
      "Intel Macs get Envoy from func-e's index only; brew install envoy works too",
    );
  }
  return major >= MIN_MACOS ? ok("platform", `${where}, macOS ${text}`) : note(
    "platform",
    `${where}, macOS ${text}: older than the ${MIN_MACOS} that the Envoy wheel is built for`,
    "brew install envoy, and it is found on PATH",
  );
}

function denoVersion(probe: Probe): Finding {
  const version = probe.deno.split(".").map(Number);
  return isOlder(version, MIN_DENO)
    ? problem("deno", `Deno ${probe.deno}`, `run it by npx --yes deno@2.9.6, or upgrade Deno`)
    : ok("deno", `Deno ${probe.deno}`);
}

async function descriptors(probe: Probe, profile: Counted): Promise<Finding[]> {
  if (probe.os === "windows") return [];
  const { code, text } = await probe.run("/bin/sh", ["-c", "ulimit -Sn; ulimit -Hn"]);
  const [soft, hard] = text.split("\n").map((line) =>
    line.trim() === "unlimited" ? Infinity : Number(line)
  );
  if (code !== 0 || soft === undefined || Number.isNaN(soft)) {
    return [note("descriptors", "cannot read the limit of open files", "see ulimit -n")];
  }
  const wanted = filesFor(profile, MAX_STREAMS);
  const raise = hard !== undefined && hard > soft
    ? `ulimit -n ${Math.min(hard, wanted)}`
    : "raise it in /etc/security/limits.conf, or by LimitNOFILE of the service";
  const room = streamsWithin(profile, soft);
  const detail =
    `${soft} open files: room for about ${room} streams of the profile "${profile.name}" over HTTP/1.1`;
  if (soft < filesFor(profile, LEAST_STREAMS)) return [problem("descriptors", detail, raise)];
  if (soft < wanted) {
    return [note("descriptors", detail, `for the full 50,000: ${raise}; h2c needs fewer`)];
  }
  return [ok("descriptors", `${soft} open files`)];
}

/** Proxies of the environment are for the way out; a client that uses one for 127.0.0.1 never finds the gateway. */
function proxies(probe: Probe): Finding[] {
  const read = (name: string) => probe.env(name) || probe.env(name.toLowerCase());
  const set = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].filter((name) => read(name));
  if (set.length === 0) return [ok("proxy", "no proxy in the environment")];
  const exempt = (read("NO_PROXY") ?? "").split(",").map((host) => host.trim());
  if (exempt.includes("*") || exempt.includes("127.0.0.1")) {
    return [ok("proxy", `${set.join(", ")} set, 127.0.0.1 exempt`)];
  }
  return [problem(
    "proxy",
    `${
      set.join(", ")
    } set, but NO_PROXY does not name 127.0.0.1: curl and SDKs would not reach the gateway`,
    "export NO_PROXY=127.0.0.1,localhost",
  )];
}

async function tools(probe: Probe): Promise<Finding[]> {
  const [pip, curl] = await Promise.all([
    probe.run("python3", ["-m", "pip", "--version"]),
    probe.run("curl", ["--version"]),
  ]);
  return [
    pip.code === 0 ? ok("pip", pip.text.split(" from ")[0] ?? "pip") : note(
      "pip",
      "python3 -m pip does not run",
      "one of the ways to get Envoy needs it; the others do not",
    ),
    curl.code === 0
      ? ok("curl", curl.text.split(" (")[0] ?? "curl")
      : note("curl", "curl is not installed", "only scripts/*.sh need it; llmgate demo does not"),
  ];
}

function isOlder(version: readonly number[], least: readonly number[]): boolean {
  for (const [i, part] of least.entries()) {
    const own = version[i] ?? 0;
    if (own !== part) return own < part;
  }
  return false;
}
