/** A run of `check` as a process: what stops it before it begins, what interrupts it, and what it leaves. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { startPolicy } from "../../policy/mod.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** A program path under which nothing starts: what is said before has to be said without it. */
const NO_ENVOY = ["--envoy-path", "/nonexistent/envoy"];

Deno.test("check --policy says with exit code 3 that nobody answers there, before anything starts", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using program = startProgram(["check", "--policy", `127.0.0.1:${port}`, ...NO_ENVOY]);
  const { code, stderr } = await program.ended;
  assert.equal(code, 3);
  assert.match(stderr, /Cannot judge the policy engine .* it answers no Check call/);
});

Deno.test("check --upstream says with exit code 3 that nobody is there, before anything starts", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using program = startProgram([
    ...["check", "--upstream", `http://127.0.0.1:${port}/v1`],
    ...NO_ENVOY,
  ]);
  const { code, stderr } = await program.ended;
  assert.equal(code, 3);
  assert.match(stderr, /Cannot judge the model server .*: Cannot connect to/);
});

Deno.test("check --policy names the flag when the engine refuses the demo key", async () => {
  await using folder = await temporaryFolder();
  const rules = join(folder.path, "rules.yaml");
  await Deno.writeTextFile(rules, "version: none\nrules: []\n");
  await using engine = await startPolicy({ rulesFile: rules });
  await using program = startProgram(["check", "--policy", engine.address, ...NO_ENVOY]);
  const { code, stderr } = await program.ended;
  assert.equal(code, 2);
  assert.match(stderr, /refuses the demo key in x-api-key: .*--allow-header/);
});

Deno.test("check says before the run that a report cannot be written, and leaves no empty one", async () => {
  await using folder = await temporaryFolder();
  const fine = join(folder.path, "fine.json");
  await using program = startProgram([
    ...["check", "--report", fine, "--report", join(folder.path, "missing", "x.html")],
    ...NO_ENVOY,
  ]);
  const { code, stderr } = await program.ended;
  assert.equal(code, 2);
  assert.match(stderr, /Cannot write the report ".*x\.html"/);
  await assert.rejects(Deno.stat(fine), Deno.errors.NotFound);
});

Deno.test("an interrupted check says so, and calls nothing failed that it cut off itself", async () => {
  await using folder = await temporaryFolder();
  const report = join(folder.path, "report.json");
  await using program = startProgram([
    ...["check", "--report", report, "--envoy-path", await envoyPath()],
    ...["--case", "sse.*", "--case", "allow.*"],
  ]);
  // The first verdict: others are being made, and some wait for 20 s.
  while (!/^ *1\/\d+ /.test(await program.line()));
  program.kill("SIGINT");
  const { code, stderr } = await program.ended;
  assert.equal(code, 130);
  assert.match(stderr, /^wrote .*report\.json$/m);
  const { interrupted, problems, cases, summary } = JSON.parse(await Deno.readTextFile(report));
  assert.equal(interrupted.reason, "Interrupted by SIGINT");
  assert.match(problems[0], /cases are not measured \(interrupted\)/);
  assert.equal(summary.failed, 0);
  const silent = cases.find(({ id }: { id: string }) => id === "sse.idle-20s");
  assert.deepEqual([silent.status, silent.reason.split(" ")[0]], ["not-measured", "interrupted"]);
});

Deno.test("check --keep leaves the gateway up, and the report repeats the run with its flags", async () => {
  await using folder = await temporaryFolder();
  const config = new URL("../envoy/testdata/plain.yaml", import.meta.url).pathname;
  await using program = startProgram([
    ...["check", "--json", "--keep", "--envoy-config", config, "--case", "fc.error-status"],
    ...["--envoy-path", await envoyPath(), "--time-scale=2"],
  ], { cwd: folder.path });
  const report = JSON.parse(await program.line());
  const [judged] = report.cases;
  assert.equal(judged.status, "warn");
  const repeated = `llmgate check --envoy-config ${config} --envoy-path ${await envoyPath()} ` +
    `--time-scale=2 --case fc.error-status --seed ${report.run.seed}`;
  assert.equal(judged.reproduce, repeated);
  assert.equal(report.target.name, "Envoy configuration plain.yaml");
  assert.match(report.target.facts.envoy_sha256, /^[0-9a-f]{64}$/);
  const answer = await fetch(`${report.target.url}/v1/models`, {
    headers: { "x-api-key": "demo-key" },
  });
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
  program.kill("SIGINT");
  assert.equal((await program.ended).code, 130);
});

Deno.test("a control that is asked for by name and does not hold is exit code 3 with its reason", async () => {
  // It answers by itself, and asks nobody.
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("{}", { headers: { "content-type": "application/json" } }),
  );
  const { port } = server.addr;
  await using program = startProgram([
    ...["check", "--gateway", `http://127.0.0.1:${port}`, "--control", "upstream"],
    ...["--upstream-port", "0", "--allow-header", "x-api-key: k"],
  ]);
  const { code, stderr } = await program.ended;
  assert.equal(code, 3);
  assert.match(stderr, /waiting up to 15 s for the gateway to reach our upstream/);
  assert.match(
    stderr,
    /Cannot judge with --control upstream: the gateway never reached our upstream at http.* status 200: .*--control none/,
  );
});
