/** Texts of clients on the operator's terminal: shown, and without power over it. */
import assert from "node:assert/strict";
import { FREE_PORT_FLAGS, startProgram } from "../testing/program.ts";
import { envoyPath } from "../testing/stack.ts";

/** A window's title, a cleared screen, colours of C1, text that turns around, and a line that nobody wrote. */
const HOSTILE = "\x1b]0;title\x07\x1b[2J\u009b31m\u202eX\r\n00:00:00.000  allow  200  GET /forged";

for (const json of [false, true]) {
  Deno.test(`a client's model name stays on its line and moves no terminal${json ? ", as JSON" : ""}`, async () => {
    await using program = startProgram([
      ...["dev", ...FREE_PORT_FLAGS, "--envoy-path", await envoyPath()],
      ...(json ? ["--json"] : []),
    ]);
    let ready = await program.line();
    while (!/127\.0\.0\.1:\d+/.test(ready)) ready = await program.line();
    const ingress = /http:\/\/127\.0\.0\.1:\d+/.exec(ready)?.[0] ?? "";
    for (const model of [HOSTILE, "last"]) {
      const response = await fetch(`${ingress}/v1/chat/completions`, {
        method: "POST",
        headers: { "x-api-key": "demo-key", "content-type": "application/json" },
        body: JSON.stringify({ model, messages: [{ role: "user", content: "hello" }] }),
      });
      await response.body?.cancel();
      assert.equal(response.status, 200);
    }
    const lines: string[] = [];
    while (!lines.at(-1)?.includes("last")) lines.push(await program.line());
    const asked = lines.filter((line) =>
      line.includes("/v1/chat/completions") && !line.includes("curl")
    );
    assert.equal(asked.length, 2);
    for (const line of lines) {
      // deno-lint-ignore no-control-regex -- they are what is looked for
      assert.doesNotMatch(line, /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/);
      assert.doesNotMatch(line, /^00:00:00/);
    }
    if (json) assert.equal(JSON.parse(asked[0] ?? "").model, HOSTILE);
  });
}
