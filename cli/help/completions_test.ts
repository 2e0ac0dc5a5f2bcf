import assert from "node:assert/strict";
import { completionScript, type Shell } from "./completions.ts";
import { loadCommands } from "../load.ts";
import { COMMANDS } from "../table.ts";

/** Returns the completions that bash offers for a line whose last word is being typed. */
async function bashOffers(line: string): Promise<string[]> {
  const script = completionScript("bash", await loadCommands());
  const words = line.split(" ");
  const { stdout, stderr } = await new Deno.Command("bash", {
    args: [
      "-c",
      `${script}
       COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
       COMP_CWORD=${words.length - 1}
       _llmgate
       printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
  }).output();
  assert.equal(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).trim().split("\n");
}

Deno.test("bash completes commands, second words, flags and values", async () => {
  assert.deepEqual(await bashOffers("llmgate dem"), ["demo"]);
  assert.deepEqual((await bashOffers("llmgate envoy ")).sort(), [
    "config",
    "fetch",
    "path",
    "restart",
    "validate",
  ]);
  assert.deepEqual(await bashOffers("llmgate envoy fetch --off"), ["--offline"]);
  assert.deepEqual(await bashOffers("llmgate policy --upstream-k"), ["--upstream-key-env"]);
  assert.deepEqual(await bashOffers("llmgate check --level s"), ["should"]);
});

for (const shell of ["bash", "zsh", "fish"] as const satisfies readonly Shell[]) {
  Deno.test(`the ${shell} script names every command`, async () => {
    const script = completionScript(shell, await loadCommands());
    for (const { name } of COMMANDS) {
      for (const word of name.split(" ")) assert.ok(script.includes(word), name);
    }
  });
}

for (const shell of ["bash", "zsh", "fish"] as const) {
  const found = await new Deno.Command("sh", { args: ["-c", `command -v ${shell}`] }).output();
  Deno.test({
    name: `${shell} itself takes its script without complaint` +
      (found.success ? "" : ` (skipped: no ${shell} on this machine)`),
    ignore: !found.success,
    async fn() {
      const file = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(file, completionScript(shell, await loadCommands()));
        const { code, stderr } = await new Deno.Command(shell, { args: ["-n", file] }).output();
        assert.equal(code, 0, new TextDecoder().decode(stderr));
      } finally {
        await Deno.remove(file);
      }
    },
  });
}
