import assert from "node:assert/strict";
import { UnavailableError } from "../service/mod.ts";
import { KEPT_RUNS, makeRunDirectory } from "./run_directory.ts";

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

Deno.test("makeRunDirectory() removes a fresh folder at the end, unless it is to be kept", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const gone = await makeRunDirectory({ parents: [`${parent}/runs`] });
    const kept = await makeRunDirectory({ parents: [`${parent}/runs`] });
    kept.keep();
    await gone.close();
    await kept.close();
    assert.equal(await exists(gone.path), false);
    assert.equal(await exists(kept.path), true);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("makeRunDirectory() keeps a folder that the user named", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const directory = await makeRunDirectory({ given: `${parent}/mine`, parents: [] });
    await directory.close();
    assert.equal(await exists(directory.path), true);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("makeRunDirectory() goes on to the next parent, and names all that failed", async () => {
  const parent = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${parent}/file`, "");
    const parents = [`${parent}/file/runs`, `${parent}/ok`];
    const directory = await makeRunDirectory({ parents });
    assert.ok(directory.path.startsWith(`${parent}/ok/`));
    await directory.close();
    await assert.rejects(
      makeRunDirectory({ parents: [`${parent}/file/runs`] }),
      (error) => error instanceof UnavailableError && error.message.includes("--run-dir"),
    );
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

/** Names below a folder, sorted. */
async function names(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
}

/** Makes the folder of a run that ended so many seconds ago without removing it, as a killed one does. */
async function ended(parent: string, name: string, secondsAgo: number): Promise<void> {
  await Deno.mkdir(`${parent}/${name}`, { recursive: true });
  await Deno.writeTextFile(`${parent}/${name}/run.lock`, "");
  const then = new Date(Date.now() - secondsAgo * 1000);
  await Deno.utime(`${parent}/${name}`, then, then);
}

Deno.test({
  name: "makeRunDirectory() keeps no run where other users could put another in its place",
  ignore: Deno.build.os === "windows",
  async fn() {
    const parent = await Deno.makeTempDir();
    try {
      await Deno.mkdir(`${parent}/open`);
      await Deno.chmod(`${parent}/open`, 0o777);
      const parents = [`${parent}/open`, `${parent}/own`];
      const made = await makeRunDirectory({ parents });
      assert.ok(made.path.startsWith(`${parent}/own/run-`), made.path);
      await made.close();
      await assert.rejects(
        makeRunDirectory({ parents: parents.slice(0, 1) }),
        /"[^"]*open": other users can write into it/,
      );
    } finally {
      await Deno.remove(parent, { recursive: true });
    }
  },
});

Deno.test("makeRunDirectory() sweeps: the newest ended runs stay, and every run that lives", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const alive = await makeRunDirectory({ parents: [parent] });
    await Deno.utime(alive.path, new Date(0), new Date(0));
    for (let age = 1; age <= KEPT_RUNS + 3; age++) await ended(parent, `run-${age}`, age * 10);
    await ended(parent, "tmp-cut-off", 3600);
    await ended(parent, "tmp-being-made", 0);
    await ended(parent, "somebody-elses", 3600);
    const next = await makeRunDirectory({ parents: [parent] });
    await next.close();
    const newest = Array.from({ length: KEPT_RUNS }, (_, i) => `run-${i + 1}`);
    assert.deepEqual(
      await names(parent),
      ["tmp-being-made", alive.path.slice(parent.length + 1), "somebody-elses", ...newest].sort(),
    );
    await alive.close();
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("makeRunDirectory() many times at once: each run has its own folder, and none is swept", async () => {
  const parent = await Deno.makeTempDir();
  try {
    for (let age = 1; age <= 20; age++) await ended(parent, `run-${age}`, age * 10);
    const runs = await Promise.all(
      Array.from({ length: 12 }, () => makeRunDirectory({ parents: [parent] })),
    );
    assert.equal(new Set(runs.map(({ path }) => path)).size, 12);
    for (const { path } of runs) assert.ok(await exists(path), path);
    await Promise.all(runs.map((run) => run.close()));
    // Those who sweep at once take a lock that another one holds for a run's: the next one alone sees all.
    await (await makeRunDirectory({ parents: [parent] })).close();
    assert.equal((await names(parent)).length, KEPT_RUNS);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("the folder of a run whose process was killed counts as ended", async () => {
  const parent = await Deno.makeTempDir();
  try {
    const code = `
      import { makeRunDirectory } from ${JSON.stringify(import.meta.resolve("./run_directory.ts"))};
      const { path } = await makeRunDirectory({ parents: [Deno.args[0]] });
      console.log(path);
      setInterval(() => {}, 1000);`;
    await Deno.writeTextFile(`${parent}/killed.ts`, code);
    await using child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", "--quiet", `${parent}/killed.ts`, parent],
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const path = (await reader.read()).value?.trim() ?? "";
    await Deno.utime(path, new Date(0), new Date(0));
    for (let age = 1; age <= KEPT_RUNS; age++) await ended(parent, `run-${age}`, age * 10);
    await (await makeRunDirectory({ parents: [parent] })).close();
    assert.ok(await exists(path), "swept while it lived");
    child.kill("SIGKILL");
    await child.status;
    await reader.cancel();
    await (await makeRunDirectory({ parents: [parent] })).close();
    assert.equal(await exists(path), false);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
