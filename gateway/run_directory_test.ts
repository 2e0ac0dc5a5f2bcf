import assert from "node:assert/strict";
import { UnavailableError } from "../service/mod.ts";
import { makeRunDirectory } from "./run_directory.ts";

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
    await assert.rejects(
      makeRunDirectory({ parents: [`${parent}/file/runs`] }),
      (error) => error instanceof UnavailableError && error.message.includes("--run-dir"),
    );
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});
