/** Envoy's own translation between wire formats, judged by the group `dialect`: its losses are known by name. */
import assert from "node:assert/strict";
import { DIALECT_CASES, runSuite } from "../../conformance/mod.ts";
import { parseEnvoyConfig, startEnvoy } from "../../envoy/mod.ts";
import { silent } from "../../service/mod.ts";
import { dialectTarget } from "../../targets/mod.ts";
import { envoyPath } from "../testing/stack.ts";

const DATA = new URL("../testdata/", import.meta.url);

Deno.test("Envoy's transcoder loses what is known, and nothing else: tool calls, images, error shapes", async () => {
  const text = await Deno.readTextFile(new URL("ai_transcoder.yaml", DATA));
  const known = (await Deno.readTextFile(new URL("ai_transcoder_known_failures.txt", DATA)))
    .split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const runDir = await Deno.makeTempDir();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(runDir, { recursive: true }));
  // Envoy has to know where the upstream is, and the target where Envoy is: the port is found first.
  const port = freePort();
  const envoy = stack.use(
    await startEnvoy({
      path: await envoyPath(),
      config: await parseEnvoyConfig(text, "ai_transcoder.yaml"),
      runDir,
      graceMs: 0,
      overlay: {
        adminPort: 0,
        listeners: { ingress: { host: "127.0.0.1", port: 0 } },
        clusters: { upstream: { host: "127.0.0.1", port } },
      },
    }),
  );
  const target = stack.use(
    await dialectTarget({
      url: `http://127.0.0.1:${envoy.listeners.get("ingress")?.port}`,
      pair: { client: "openai", upstream: "anthropic" },
      credentials: { allow: [] },
      model: "m",
      upstreamPort: port,
      log: silent,
    }),
  );
  const report = await runSuite(target, { cases: DIALECT_CASES, seed: 1 });
  const failed = report.cases.filter(({ status }) => status === "fail").map(({ id }) => id);
  assert.deepEqual(failed.toSorted(), known.toSorted());
  assert.ok(report.summary.passed >= 25);
});

function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
