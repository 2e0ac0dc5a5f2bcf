/** Verdicts on gateways of others, as a process: what is right gets no red MUST, whatever style it is written in. */
import assert from "node:assert/strict";
import { startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

interface Judged {
  readonly id: string;
  readonly status: string;
  readonly reason: string;
}

/** Judges a file of `envoy/testdata/` and returns its cases that are red MUSTs, with what each says. */
async function judge(
  file: string,
  ...words: string[]
): Promise<{ red: string[]; cases: Judged[] }> {
  const config = new URL(`../envoy/testdata/${file}`, import.meta.url).pathname;
  await using program = startProgram([
    ...["check", "--json", "--envoy-config", config, "--envoy-path", await envoyPath()],
    ...words,
  ]);
  const cases: Judged[] = JSON.parse(await program.line()).cases;
  const red = cases.filter(({ status }) => status === "fail").map(({ id }) => id);
  return { red, cases };
}

Deno.test("Envoy's default log, status and time limits make no red MUST but the one that is true", async () => {
  const { red, cases } = await judge("plain.yaml", "--skip", "sse.*");
  // The default format writes the query, and with it a key that somebody puts there.
  assert.deepEqual(red, ["obs.no-secrets"]);
  const status = new Map(cases.map((one) => [one.id, one.status]));
  assert.equal(status.get("fc.policy-down"), "pass");
  assert.equal(status.get("fc.slow-but-in-time"), "pass");
  assert.equal(status.get("fc.error-status"), "warn", "403 says that the key is wrong");
  assert.equal(status.get("obs.error-details"), "not-measured", "the text has no code details");
  assert.equal(status.get("route.unknown-404"), "unsupported", "every path is routed");
});
