import assert from "node:assert/strict";
import { UnavailableError } from "../../service/mod.ts";
import { examine, ok } from "./finding.ts";
import { machineChecks } from "./machine.ts";
import { portChecks } from "./ports.ts";
import { machineProbe, type Probe } from "./probe.ts";

/** A healthy Linux machine, but for what the test changes. */
function machine(
  changes: Partial<Probe> & { variables?: Record<string, string>; says?: Record<string, string> } =
    {},
): Probe {
  const said: Record<string, string> = {
    getconf: "glibc 2.36",
    "/bin/sh": "200000\n200000",
    python3: "pip 23.2 from /usr/lib",
    curl: "curl 8.5.0 (x86_64)",
    sw_vers: "15.1",
    ...changes.says,
  };
  return {
    os: "linux",
    arch: "x86_64",
    deno: "2.9.6",
    env: (name) => changes.variables?.[name],
    run: (command) => {
      const text = said[command];
      return Promise.resolve(
        text === undefined || text === "" ? { code: undefined, text: "" } : { code: 0, text },
      );
    },
    read: () => Promise.resolve(undefined),
    reach: () => Promise.resolve({ status: 200, ms: 1 }),
    ...changes,
  };
}

async function levels(
  probe: Probe,
  profile: { readonly filesPerStream?: number } = {},
): Promise<Record<string, string>> {
  const findings = await examine(machineChecks(probe, { name: "base", ...profile }), {
    deadlineMs: 1_000,
  });
  return Object.fromEntries(findings.map(({ id, level }) => [id, level]));
}

Deno.test("a healthy machine has no findings", async () => {
  assert.deepEqual(await levels(machine()), {
    platform: "ok",
    deno: "ok",
    descriptors: "ok",
    proxy: "ok",
    pip: "ok",
    curl: "ok",
  });
});

for (
  const { what, probe, id, level } of [
    { what: "musl", probe: machine({ says: { getconf: "" } }), id: "platform", level: "problem" },
    {
      what: "an old glibc",
      probe: machine({ says: { getconf: "glibc 2.28" } }),
      id: "platform",
      level: "problem",
    },
    { what: "Windows", probe: machine({ os: "windows" }), id: "platform", level: "problem" },
    {
      what: "macOS 14",
      probe: machine({ os: "darwin", arch: "aarch64", says: { sw_vers: "14.6" } }),
      id: "platform",
      level: "note",
    },
    { what: "an old Deno", probe: machine({ deno: "2.5.9" }), id: "deno", level: "problem" },
    {
      what: "a limit of 256 files",
      probe: machine({ says: { "/bin/sh": "256\nunlimited" } }),
      id: "descriptors",
      level: "problem",
    },
    {
      what: "a limit of 20,000 files",
      probe: machine({ says: { "/bin/sh": "20000\n20000" } }),
      id: "descriptors",
      level: "note",
    },
    {
      what: "a proxy without exemption",
      probe: machine({ variables: { http_proxy: "http://proxy.test:3128" } }),
      id: "proxy",
      level: "problem",
    },
    {
      what: "a proxy with exemption",
      probe: machine({
        variables: { HTTPS_PROXY: "http://p.test", NO_PROXY: "a.test, 127.0.0.1" },
      }),
      id: "proxy",
      level: "ok",
    },
    { what: "no pip", probe: machine({ says: { python3: "" } }), id: "pip", level: "note" },
  ]
) {
  Deno.test(`${what}: ${id} is a ${level}`, async () => {
    assert.equal((await levels(probe))[id], level);
  });
}

Deno.test("a profile with more files for each stream wants a higher limit", async () => {
  const probe = machine({ says: { "/bin/sh": "120000\n120000" } });
  assert.equal((await levels(probe)).descriptors, "ok");
  assert.equal((await levels(probe, { filesPerStream: 3 })).descriptors, "note");
});

Deno.test("examine() turns a check that throws or hangs into a problem, and keeps the order", async () => {
  const findings = await examine([
    { id: "hangs", run: () => new Promise(() => {}) },
    { id: "throws", run: () => Promise.reject(new Error("Boom")) },
    { id: "works", run: () => Promise.resolve([ok("works", "yes")]) },
  ], { deadlineMs: 20 });
  assert.deepEqual(findings.map(({ id, level }) => [id, level]), [
    ["hangs", "problem"],
    ["throws", "problem"],
    ["works", "ok"],
  ]);
});

Deno.test("portChecks() names the holder of a taken port and the flag that moves it", async () => {
  const wanted = { what: "the ingress", flag: "--port", host: "127.0.0.1", port: 8080 };
  const [finding] = await examine(
    portChecks([wanted], () =>
      Promise.reject(
        new UnavailableError(
          "Cannot listen on 127.0.0.1:8080 for the ingress: the port is taken by nginx (pid 12): stop it",
        ),
      )),
    { deadlineMs: 1_000 },
  );
  assert.equal(finding?.level, "problem");
  assert.match(finding?.detail ?? "", /taken by nginx \(pid 12\)/);
  assert.match(finding?.advice ?? "", /--port/);
});

Deno.test("a program that hangs is stopped at its deadline", async () => {
  const probe = machineProbe(() => undefined, "2.9.6");
  const { code, text } = await probe.run("sleep", ["60"], 50);
  assert.equal(code, undefined);
  assert.match(text, /stopped after 50 ms/);
});

Deno.test("an address that never answers is given up at the deadline", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const probe = machineProbe(() => undefined, "2.9.6");
  const found = await probe.reach(`http://127.0.0.1:${listener.addr.port}/`, 50);
  assert.deepEqual(found, { failed: "no answer within 50 ms" });
});
