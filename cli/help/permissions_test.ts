import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import readme from "../../README.md" with { type: "text" };
import { PERMISSION_CLASSES } from "../command.ts";
import { permissionTable } from "./permission_table.ts";
import { section } from "./topics.ts";

/** Runs a command of a given permission list in a Deno that was granted everything, and asks what is left. */
const PROGRAM = `
import { denoHost } from ${JSON.stringify(import.meta.resolve("../host.ts"))};
import { runCommand } from ${JSON.stringify(import.meta.resolve("../dispatch.ts"))};
const states = {};
await runCommand({
  name: "test", summary: "", options: {}, examples: [], permissions: JSON.parse(Deno.args[0]),
  async run() {
    for (const name of ["read", "write", "net", "env", "run", "sys", "ffi", "import"]) {
      states[name] = (await Deno.permissions.query({ name })).state;
    }
    return 0;
  },
}, [], denoHost());
console.log(JSON.stringify(states));
`;

async function statesOf(permissions: readonly string[]): Promise<Record<string, string>> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, PROGRAM);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-prompt", "--no-check", "--quiet", "--config"],
        fileURLToPath(import.meta.resolve("../../deno.json")),
        file,
        JSON.stringify(permissions),
      ],
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a command keeps the classes it names; every other one is gone before it runs", async () => {
  const states = await statesOf(["read", "net"]);
  assert.deepEqual(states, {
    read: "granted",
    write: "prompt",
    net: "granted",
    env: "prompt",
    run: "prompt",
    sys: "prompt",
    ffi: "prompt",
    import: "prompt",
  });
});

Deno.test("ffi and remote imports are gone even for a command that names every class", async () => {
  const { ffi, import: imports, ...rest } = await statesOf(PERMISSION_CLASSES);
  assert.deepEqual([ffi, imports], ["prompt", "prompt"]);
  assert.deepEqual(new Set(Object.values(rest)), new Set(["granted"]));
});

Deno.test("README's table of permissions is the one made from the commands", async () => {
  const cells = (text: string) =>
    text.split("\n").filter((line) => line.startsWith("|"))
      .map((line) => line.split("|").map((cell) => cell.trim().replace(/^-+$/, "---")).join("|"));
  assert.deepEqual(cells(section("Permissions", readme)), cells(await permissionTable()));
});

for (
  const words of [
    ["help", "--man"],
    ["completions", "bash"],
    ["version", "--json"],
    ["envoy", "config", "--json"],
    ["check", "--list"],
  ]
) {
  Deno.test(`llmgate ${words.join(" ")} works with what it keeps`, async () => {
    const main = fileURLToPath(import.meta.resolve("../../main.ts"));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-prompt", "--no-check", "--quiet", main, ...words],
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    assert.equal(new TextDecoder().decode(stderr), "");
    assert.equal(code, 0);
    assert.ok(stdout.length > 0);
  });
}
