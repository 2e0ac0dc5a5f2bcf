/** `check` as a process: several Envoys in one run, and a watch over files. */
import assert from "node:assert/strict";
import { bundledConfig } from "../../envoy/mod.ts";
import { startProgram } from "../testing/program.ts";
import { envoyPath, OLDER_ENVOY } from "../testing/stack.ts";

interface Verdict {
  id: string;
  status: string;
}

Deno.test("check on several Envoy versions prints where the verdicts differ", async () => {
  const newer = /\/(\d+\.\d+\.\d+)\//.exec(await envoyPath())?.[1] ?? "1.40.0";
  await envoyPath(OLDER_ENVOY);
  await using program = startProgram([
    ...["check", "--json", "--envoy-version", `${OLDER_ENVOY},${newer}`],
    ...["--case", "fc.policy-error-response", "--case", "deny.no-credential"],
  ]);
  const { versions, differing, reports } = JSON.parse(await program.line());
  assert.deepEqual(versions, [OLDER_ENVOY, newer]);
  assert.equal((await program.ended).code, 0);
  // Only the newer one knows error_response; the older one takes it for a denial.
  assert.deepEqual(differing.map(({ id }: Verdict) => id), ["fc.policy-error-response"]);
  assert.equal(differing[0].verdicts[OLDER_ENVOY].status, "warn");
  assert.equal(differing[0].verdicts[newer].status, "pass");
  assert.deepEqual(
    reports.map(({ target }: { target: { envoy_version: string } }) => target.envoy_version),
    [OLDER_ENVOY, newer],
  );
});

Deno.test("check --watch runs again when a file changes, and says what changed", async () => {
  const folder = await Deno.makeTempDir();
  const config = `${folder}/envoy.yaml`;
  // As editors do: never a moment with half a file.
  const write = async (text: string) => {
    await Deno.writeTextFile(`${config}.new`, text);
    await Deno.rename(`${config}.new`, config);
  };
  const { text } = bundledConfig("base");
  try {
    await write(text);
    await using program = startProgram([
      ...["check", "--json", "--watch", "--envoy-config", config],
      ...["--envoy-path", await envoyPath()],
      ...["--case", "route.unknown-404", "--case", "http.h1"],
    ]);
    const first = JSON.parse(await program.line());
    assert.deepEqual(first.changed, []);
    assert.deepEqual(first.report.cases.map(({ status }: Verdict) => status), ["pass", "pass"]);
    await write(text.replace("match: { prefix: /v1/ }", "match: { prefix: /v }"));
    const second = JSON.parse(await program.line());
    assert.deepEqual(
      second.changed.map(({ id, before, after }: Record<string, string>) => [id, before, after]),
      [["route.unknown-404", "pass", "fail"]],
    );
    program.kill("SIGINT");
    assert.equal((await program.ended).code, 130);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Faults of `testdata/foreign.yaml`: the case that shows each, and the lint rule that names it. */
const FAULTS = [
  { shown: "fc.policy-grpc-error", said: "policy.fail-open" },
  { shown: "retry.post-not-blind", said: "stream.retry" },
  { shown: "contract.no-body-by-default", said: "policy.body-buffered" },
  { shown: "sec.tenant-absent-when-none", said: "edge.trusted-names" },
  { shown: "sec.tenant-spoof-variants", said: "edge.underscores" },
  { shown: "sec.path-dotdot", said: "edge.path-normalization" },
  { shown: "contract.request-id", said: "edge.request-id" },
];

Deno.test("check --envoy-config names the faults of somebody's configuration, and lint says where", async () => {
  const config = new URL("../envoy/testdata/foreign.yaml", import.meta.url).pathname;
  await using checked = startProgram([
    ...["check", "--json", "--envoy-config", config, "--envoy-path", await envoyPath()],
    ...FAULTS.flatMap(({ shown }) => ["--case", shown]),
  ]);
  const { cases, target } = JSON.parse(await checked.line());
  assert.equal((await checked.ended).code, 1);
  assert.equal(target.control, "both");
  assert.deepEqual(
    cases.map(({ id, status }: Verdict) => [id, status]).sort(),
    FAULTS.map(({ shown }) => [shown, "fail"]).sort(),
  );
  await using linted = startProgram(["lint", "--json", config]);
  const { findings } = JSON.parse(await linted.line());
  const said = findings.map(({ id }: { id: string }) => id);
  assert.deepEqual(FAULTS.filter(({ said: id }) => !said.includes(id)), []);
});
