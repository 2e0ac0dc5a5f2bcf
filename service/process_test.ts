import assert from "node:assert/strict";
import { delay } from "./deadline.ts";
import { startProcess } from "./process.ts";

const QUIET = { stdout: "null", stderr: "null" } as const;

function isAlive(pid: number): boolean {
  try {
    // Signal 0 only asks; a zombie answers too, so the state is read where there is /proc.
    if (Deno.build.os === "linux") {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
    }
    return new Deno.Command("ps", { args: ["-p", String(pid)], stdout: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

Deno.test("startProcess() passes the exit code on", async () => {
  const child = await startProcess({ command: "/bin/sh", args: ["-c", "exit 7"], ...QUIET });
  assert.deepEqual(await child.exited, { code: 7, signal: null });
});

Deno.test("startProcess() names the signal that ended the child", async () => {
  const child = await startProcess({ command: "sleep", args: ["60"], ...QUIET });
  child.kill("SIGKILL");
  assert.equal((await child.exited).signal, "SIGKILL");
});

Deno.test("startProcess() stops the child when disposed, and twice is once", async () => {
  const child = await startProcess({ command: "sleep", args: ["60"], ...QUIET });
  assert.ok(isAlive(child.pid));
  await child[Symbol.asyncDispose]();
  await child[Symbol.asyncDispose]();
  assert.ok(!isAlive(child.pid));
});

Deno.test("startProcess() kills a child that ignores SIGTERM after the grace", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const child = await startProcess({
      command: "/bin/sh",
      args: ["-c", "trap '' TERM; echo deaf; while :; do sleep 0.02; done"],
      stdout: { file: `${folder}/out` },
      stderr: "null",
    });
    // A signal that comes before the trap stands would end it.
    while (await Deno.readTextFile(`${folder}/out`) === "") await delay(2);
    assert.equal((await child.stop(50)).signal, "SIGKILL");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("startProcess() writes both outputs to files", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const child = await startProcess({
      command: "/bin/sh",
      args: ["-c", "echo out; echo err >&2; pwd"],
      cwd: folder,
      stdout: { file: `${folder}/out` },
      stderr: { file: `${folder}/err` },
    });
    await child.exited;
    const real = await Deno.realPath(folder);
    assert.equal(await Deno.readTextFile(`${folder}/out`), `out\n${real}\n`);
    assert.equal(await Deno.readTextFile(`${folder}/err`), "err\n");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name:
    "startProcess() makes files that nobody else on the machine can read, its child does as well",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    // A folder that its owner made for everybody's eyes.
    await Deno.chmod(folder, 0o755);
    const files = ["out", "err", "own"].map((name) => `${folder}/${name}`);
    const [out = "", err = "", own = ""] = files;
    try {
      const child = await startProcess({
        command: "/bin/sh",
        args: ["-c", `echo hello; echo hello > "${own}"`],
        stdout: { file: out },
        stderr: { file: err },
      });
      await child.exited;
      for (const file of files) {
        assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600, file);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("startProcess() reports a command that does not exist as code 127", async () => {
  const child = await startProcess({ command: "/no/such/program", args: [], ...QUIET });
  assert.equal((await child.exited).code, 127);
});

Deno.test("startProcess() leaves no child behind when the parent is killed", async () => {
  const parent = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", import.meta.resolve("./testdata/parent.ts")],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const pid = Number((await reader.read()).value);
  assert.ok(isAlive(pid));
  parent.kill("SIGKILL");
  await parent.status;
  // The child's end is seen by asking the kernel again, until the test's own time limit.
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
  await reader.cancel();
});
