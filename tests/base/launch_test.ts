/** The ways to call llmgate from a checkout: from any folder, with paths relative to the caller. */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SCRIPT = join(ROOT, "scripts/llmgate");

async function run(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: Record<string, string>; clearEnv?: boolean },
) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    ...options,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A stranger's folder with a configuration in it. */
async function stranger(): Promise<{ folder: string } & AsyncDisposable> {
  const folder = await Deno.makeTempDir({ prefix: "llmgate stranger " });
  await Deno.copyFile(join(ROOT, "envoy/configs/base.yaml"), join(folder, "mine.yaml"));
  return { folder, [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
}

Deno.test("scripts/llmgate reads paths relative to its caller, through a link too", async () => {
  await using own = await stranger();
  const link = join(own.folder, "llmgate");
  await Deno.symlink(SCRIPT, link);
  for (const command of [SCRIPT, link]) {
    const { code, out, err } = await run(command, ["lint", "mine.yaml"], {
      cwd: own.folder,
      env: { LLMGATE_DENO: Deno.execPath() },
    });
    assert.deepEqual([code, out, err], [0, "mine.yaml: 0 errors, 0 warnings\n", ""], command);
  }
});

Deno.test("scripts/llmgate says what it needs where there is nothing, and leaves nothing", async () => {
  await using own = await stranger();
  const bin = join(own.folder, "bin");
  await Deno.mkdir(bin);
  for (const tool of ["sh", "uname", "dirname", "readlink", "mktemp", "mkdir", "rm"]) {
    const { out } = await run("/bin/sh", ["-c", `command -v ${tool}`], { cwd: own.folder });
    await Deno.symlink(out.trim(), join(bin, tool));
  }
  const { code, err } = await run(SCRIPT, ["version"], {
    cwd: own.folder,
    clearEnv: true,
    env: { PATH: bin, LLMGATE_HOME: join(own.folder, "home") },
  });
  assert.equal(code, 3);
  assert.match(err, /error: Cannot run llmgate from source: .* is needed/);
  assert.deepEqual(await Array.fromAsync(Deno.readDir(join(own.folder, "home"))), []);
});

Deno.test("deno task llmgate reads paths relative to its caller", async () => {
  await using own = await stranger();
  const { INIT_CWD: _, ...env } = Deno.env.toObject();
  const { code, out } = await run(
    Deno.execPath(),
    ["task", "--quiet", "--config", join(ROOT, "deno.json"), "llmgate", "lint", "mine.yaml"],
    {
      cwd: own.folder,
      clearEnv: true,
      env: { ...env, PATH: `${dirname(Deno.execPath())}:${Deno.env.get("PATH")}` },
    },
  );
  assert.deepEqual([code, out], [0, "mine.yaml: 0 errors, 0 warnings\n"]);
});
