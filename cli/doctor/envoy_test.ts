import assert from "node:assert/strict";
import { join } from "node:path";
import { cachedEnvoyPath, currentPlatform, DEFAULT_ENVOY_VERSION } from "../../envoy/mod.ts";
import { writeExecutable } from "../../service/testing/executable.ts";
import { envoyChecks } from "./envoy.ts";
import { examine, type Finding } from "./finding.ts";
import { machineProbe, type Probe } from "./probe.ts";

/** Runs the checks with a home of its own, and an Envoy in its cache that prints `says`. */
async function findingsWith(
  options: {
    says?: string;
    sum?: string;
    probe?: Partial<Probe>;
    offline?: boolean;
    runtimes?: number;
  },
): Promise<Finding[]> {
  const home = await Deno.makeTempDir({ prefix: "llmgate doctor " });
  try {
    if (options.says !== undefined) {
      const path = cachedEnvoyPath(home, DEFAULT_ENVOY_VERSION, currentPlatform());
      await Deno.mkdir(join(path, ".."), { recursive: true });
      await writeExecutable(path, `#!/bin/sh\n${options.says}\n`);
      if (options.sum !== undefined) await Deno.writeTextFile(`${path}.sha256`, options.sum);
    }
    for (let n = 0; n < (options.runtimes ?? 0); n++) {
      await Deno.mkdir(join(home, "runtime", `${n}`), { recursive: true });
    }
    const env: Record<string, string> = { LLMGATE_HOME: home, HOME: home, PATH: "" };
    const probe = { ...machineProbe((name) => env[name], "2.9.6"), ...options.probe };
    const checks = envoyChecks(probe, { offline: options.offline ?? true });
    return await examine(checks, { deadlineMs: 60_000 });
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

const levelsOf = (findings: Finding[], id: string) =>
  findings.filter((finding) => finding.id === id).map(({ level }) => level);

Deno.test("the doctor finds a sound Envoy in the cache", async () => {
  const says = `echo "envoy  version: abc/${DEFAULT_ENVOY_VERSION}/Clean/RELEASE/BoringSSL"`;
  const findings = await findingsWith({ says });
  assert.deepEqual(levelsOf(findings, "envoy"), ["ok"]);
  assert.deepEqual(levelsOf(findings, "cache"), ["ok"]);
  assert.deepEqual(levelsOf(findings, "run folder"), ["ok"]);
});

Deno.test("a cached Envoy that does not run, or is another version, is a problem", async () => {
  for (const says of ["exit 1", `echo "envoy  version: abc/1.36.2/Clean/RELEASE/BoringSSL"`]) {
    const findings = await findingsWith({ says });
    assert.deepEqual(levelsOf(findings, "cache"), ["problem"], says);
  }
});

Deno.test("no Envoy is a note, and a problem when no mirror answers either", async () => {
  const mute: Partial<Probe> = {
    reach: () => Promise.resolve({ failed: "no route" }),
    run: () => Promise.resolve({ code: 1, text: "no index" }),
  };
  assert.deepEqual(levelsOf(await findingsWith({}), "envoy"), ["note"]);
  const findings = await findingsWith({ probe: mute, offline: false });
  assert.deepEqual(levelsOf(findings, "mirrors"), ["problem"]);
});

Deno.test("one mirror that answers is enough", async () => {
  const half: Partial<Probe> = {
    reach: () => Promise.resolve({ status: 200, ms: 3 }),
    run: () => Promise.resolve({ code: 1, text: "no pip" }),
  };
  const findings = await findingsWith({ probe: half, offline: false });
  assert.deepEqual(levelsOf(findings, "mirror func-e"), ["ok"]);
  assert.deepEqual(levelsOf(findings, "mirror pip"), ["note"]);
  assert.deepEqual(levelsOf(findings, "mirrors"), []);
});

Deno.test("unpacked versions of the binary that pile up are a note", async () => {
  assert.deepEqual(levelsOf(await findingsWith({ runtimes: 1 }), "runtimes"), []);
  assert.deepEqual(levelsOf(await findingsWith({ runtimes: 3 }), "runtimes"), ["note"]);
});

Deno.test("a cached Envoy that was changed after it was installed is a problem, and is not run", async () => {
  const says = `echo "envoy  version: abc/${DEFAULT_ENVOY_VERSION}/Clean/RELEASE/BoringSSL"`;
  const findings = await findingsWith({ says, sum: "0".repeat(64) });
  assert.deepEqual(levelsOf(findings, "cache"), ["problem"]);
  assert.match(findings.find(({ id }) => id === "cache")?.detail ?? "", /SHA-256 differs/);
});
