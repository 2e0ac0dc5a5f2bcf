import assert from "node:assert/strict";
import {
  FREE_PORT_FLAGS,
  startDev,
  startProgram,
  stillAccepts,
  untilGone,
} from "../testing/program.ts";
import { chat, envoyPath } from "../testing/stack.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("dev --json prints every address of the contract, then one line per request", async () => {
  await using dev = await startDev();
  const { ready } = dev;
  assert.deepEqual(Object.keys(ready.envoy).sort(), [
    "config",
    "config_sha256",
    "launched_sha256",
    "path",
    "pid",
    "version",
  ]);
  for (const name of ["ingress", "admin", "upstream", "control"]) {
    assert.match(ready[name], /^http:\/\/127\.0\.0\.1:\d+$/);
  }
  assert.match(ready.policy, /^127\.0\.0\.1:\d+$/);
  const response = await chat({ url: ready.ingress }, { stream: true });
  await response.text();
  const line = JSON.parse(await dev.program.line());
  assert.equal(line.request_id, response.headers.get("x-request-id"));
  assert.equal(line.decision, "allow");
  const denied = await chat({ url: ready.ingress }, { key: "" });
  await denied.body?.cancel();
  assert.equal(JSON.parse(await dev.program.line()).reason, "missing_api_key");
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test(`${signal} ends dev with ${code}, and leaves no Envoy, port or file behind`, async () => {
    await using dev = await startDev();
    const { ready, program } = dev;
    program.kill(signal);
    assert.deepEqual(await program.ended, { code, stderr: "" });
    await untilGone(ready.envoy.pid);
    for (const name of ["ingress", "admin", "policy", "upstream", "control"]) {
      const held = await stillAccepts(ready[name], [program.pid, ready.envoy.pid]);
      assert.equal(held, false, name);
    }
    await assert.rejects(Deno.stat(ready.run_dir), Deno.errors.NotFound);
  });
}

Deno.test("SIGKILL of dev leaves no Envoy behind", async () => {
  await using dev = await startDev();
  dev.program.kill("SIGKILL");
  await dev.program.ended;
  await untilGone(dev.ready.envoy.pid);
  assert.equal(await stillAccepts(dev.ready.ingress, [dev.ready.envoy.pid]), false);
  await Deno.remove(dev.ready.run_dir, { recursive: true });
});

Deno.test("SIGKILL of the launcher above ends dev and Envoy", async () => {
  await using dev = await startDev([], { launcher: true });
  dev.program.kill("SIGKILL");
  await dev.program.ended;
  await untilGone(dev.ready.envoy.pid);
  assert.equal(await stillAccepts(dev.ready.ingress, [dev.ready.envoy.pid]), false);
});

Deno.test("a killed Envoy ends dev with 3, its last words, and the run directory kept", async () => {
  await using dev = await startDev();
  Deno.kill(dev.ready.envoy.pid, "SIGKILL");
  const { code, stderr } = await dev.program.ended;
  assert.equal(code, 3);
  assert.match(stderr, /Envoy ended by itself: signal SIGKILL/);
  assert.ok(stderr.includes(dev.ready.run_dir));
  assert.ok((await Deno.stat(`${dev.ready.run_dir}/envoy.json`)).isFile);
  await Deno.remove(dev.ready.run_dir, { recursive: true });
});

Deno.test("a Ctrl-C that a launcher passes on as well is one, and running streams get their grace", async () => {
  await using dev = await startDev([], { launcher: "passes signals on" });
  const { ready, program } = dev;
  const steps = [{ event: { data: "1" } }, { barrier: "go" }, { event: { data: "2" } }];
  const control = (path: string, method: string, body?: unknown) =>
    fetch(`${ready.control}/__mock/${path}`, { method, body: JSON.stringify(body) });
  await (await control("scripts/case-0001", "PUT", { steps })).body?.cancel();
  const response = await chat({ url: ready.ingress }, {
    stream: true,
    headers: { "x-harness-case": "case-0001" },
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader?.read())?.value, "data: 1\n\n");
  program.killGroup("SIGINT");
  const held = () => stillAccepts(ready.ingress, [ready.envoy.pid]);
  while (await held()) await new Promise((resolve) => setTimeout(resolve, 5));
  await (await control("barriers/case-0001/go/release", "POST")).body?.cancel();
  assert.equal((await reader?.read())?.value, "data: 2\n\n");
  assert.equal((await reader?.read())?.done, true);
  assert.deepEqual(await program.ended, { code: 130, stderr: "" });
});

Deno.test("running streams get their grace, and a second Ctrl-C ends it", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(
    `${folder.path}/hang.yaml`,
    'match: { model: hang }\nsteps:\n  - headers: { status: 200 }\n  - write: "data: 1\\n\\n"\n  - hang: true\n',
  );
  await using dev = await startDev(["--scenarios", folder.path]);
  const { ready, program } = dev;
  const response = await fetch(`${ready.ingress}/v1/chat/completions`, {
    method: "POST",
    headers: { "x-api-key": "demo-key", "content-type": "application/json" },
    body: JSON.stringify({
      model: "hang",
      stream: true,
      messages: [{ role: "user", content: "?" }],
    }),
  });
  const reader = response.body?.getReader();
  assert.ok((await reader?.read())?.value);
  program.kill("SIGINT");
  // The listener closes first, while the stream still runs.
  const held = () => stillAccepts(ready.ingress, [ready.envoy.pid]);
  while (await held()) await new Promise((resolve) => setTimeout(resolve, 5));
  // A second signal that comes at once may be a copy of the first: a person presses on.
  const pressing = setInterval(() => program.kill("SIGINT"), 100);
  const { code, stderr } = await program.ended.finally(() => clearInterval(pressing));
  assert.equal(code, 130);
  assert.match(stderr, /Interrupted again/);
  await assert.rejects(async () => {
    while (!(await reader?.read())?.done);
  });
});

Deno.test("a taken port ends dev with 3 and names who has it", async () => {
  await using dev = await startDev();
  const port = new URL(dev.ready.ingress).port;
  await using second = startProgram([
    "dev",
    ...FREE_PORT_FLAGS,
    "--port",
    port,
    "--envoy-path",
    dev.ready.envoy.path,
  ]);
  const { code, stderr } = await second.ended;
  assert.equal(code, 3);
  assert.match(
    stderr,
    new RegExp(`127\\.0\\.0\\.1:${port} .*taken by envoy \\(pid ${dev.ready.envoy.pid}\\)`),
  );
});

Deno.test("a broken rules file ends dev with 2 at its line; broken later, the old rules stay", async () => {
  await using folder = await temporaryFolder();
  const rules = `${folder.path}/rules.yaml`;
  await Deno.writeTextFile(rules, "version: 1\nrules: [\n");
  await using refused = startProgram([
    "dev",
    ...FREE_PORT_FLAGS,
    "--rules",
    rules,
    "--envoy-path",
    await envoyPath(),
  ]);
  const { code, stderr } = await refused.ended;
  assert.equal(code, 2);
  assert.match(stderr, /rules\.yaml.*\b[23]\b/);
  await using made = startProgram(["init", `${folder.path}/own`]);
  assert.equal((await made.ended).code, 0);
  const own = `${folder.path}/own/rules.yaml`;
  await using dev = await startDev(["--rules", own]);
  await Deno.writeTextFile(own, "version: [");
  const response = await chat({ url: dev.ready.ingress });
  assert.equal(response.status, 200);
  await response.body?.cancel();
  dev.program.kill("SIGINT");
  assert.equal((await dev.program.ended).code, 130);
});

Deno.test("offline without a cache ends with 3 and lists every source and the ways out", async () => {
  await using home = await temporaryFolder();
  const env = { HOME: home.path, LLMGATE_HOME: home.path, PATH: "/nonexistent" };
  await using program = startProgram(["dev", ...FREE_PORT_FLAGS, "--offline"], { env });
  const { code, stderr } = await program.ended;
  assert.equal(code, 3);
  for (const word of ["PATH", "cache", "not asked (offline)", "--envoy-path"]) {
    assert.ok(stderr.includes(word), word);
  }
});

Deno.test("dev --cors-origin answers preflights of that origin, and asks policy about everything else", async () => {
  const origin = "http://localhost:3000";
  await using dev = await startDev(["--cors-origin", origin]);
  const url = `${dev.ready.ingress}/v1/chat/completions`;
  const preflight = async (from: string) => {
    const response = await fetch(url, {
      method: "OPTIONS",
      headers: {
        origin: from,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
      },
    });
    await response.body?.cancel();
    return response;
  };
  const allowed = await preflight(origin);
  assert.equal(allowed.status, 200);
  assert.equal(allowed.headers.get("access-control-allow-origin"), origin);
  assert.match(allowed.headers.get("access-control-allow-headers") ?? "", /x-stainless-os/);
  const other = await preflight("http://evil.example");
  assert.deepEqual([other.status, other.headers.get("access-control-allow-origin")], [401, null]);
  // A denial can be read by the page, too; a request with a key passes.
  const denied = await chat({ url: dev.ready.ingress }, { key: "", headers: { origin } });
  await denied.body?.cancel();
  assert.deepEqual([denied.status, denied.headers.get("access-control-allow-origin")], [
    401,
    origin,
  ]);
  const passed = await chat({ url: dev.ready.ingress }, { headers: { origin } });
  await passed.body?.cancel();
  assert.deepEqual([passed.status, passed.headers.get("access-control-allow-origin")], [
    200,
    origin,
  ]);
});
