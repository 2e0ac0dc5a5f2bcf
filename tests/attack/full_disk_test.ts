/** A disk that is full: decisions and requests go on, and whoever keeps something says once that it stopped. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { FREE_PORT_FLAGS, startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

const skipped = Deno.build.os === "linux" ? "" : " (skipped: no ulimit -f as here)";

/** Requests that are more than the file has room for. */
const REQUESTS = 40;

Deno.test({
  name: `requests go on when Envoy's access log cannot be written, and it is said once${skipped}`,
  ignore: skipped !== "",
  async fn() {
    const cwd = await Deno.makeTempDir();
    try {
      // Writes beyond 8 blocks fail, as on a full disk; the signal that comes with it would end Envoy.
      const short = `#!/bin/sh\ntrap "" XFSZ\nulimit -f 8\nexec "${await envoyPath()}" "$@"\n`;
      await Deno.writeTextFile(join(cwd, "envoy"), short, { mode: 0o755 });
      await using program = startProgram(
        ["dev", ...FREE_PORT_FLAGS, "--json", "-q", "--envoy-path", join(cwd, "envoy")],
        { cwd, env: { LLMGATE_HOME: cwd } },
      );
      const { ingress } = JSON.parse(await program.line());
      for (let i = 0; i < REQUESTS; i++) {
        const response = await fetch(`${ingress}/v1/models?${"x".repeat(200)}`, {
          headers: { "x-api-key": "demo-key" },
        });
        await response.body?.cancel();
        assert.equal(response.status, 200);
      }
      await program.errorText(/envoy: its access log could not be written.*requests go on/);
      program.kill("SIGINT");
      const { code, stderr } = await program.ended;
      assert.equal(code, 130);
      assert.equal(stderr.match(/could not be written/g)?.length, 1, stderr);
    } finally {
      await Deno.remove(cwd, { recursive: true });
    }
  },
});
