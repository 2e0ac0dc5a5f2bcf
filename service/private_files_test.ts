import assert from "node:assert/strict";
import { makePrivateFileSync, makePrivateFolder } from "./mod.ts";

const modeOf = async (path: string) => ((await Deno.stat(path)).mode ?? 0) & 0o777;

Deno.test({
  name: "what is private is the owner's alone, also where it was others' before",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await makePrivateFolder(`${folder}/a/b`);
      assert.equal(await modeOf(`${folder}/a/b`), 0o700);
      makePrivateFileSync(`${folder}/a/new`);
      assert.equal(await modeOf(`${folder}/a/new`), 0o600);
      await Deno.writeTextFile(`${folder}/old`, "kept", { mode: 0o644 });
      await Deno.chmod(`${folder}/old`, 0o644);
      makePrivateFileSync(`${folder}/old`);
      assert.equal(await modeOf(`${folder}/old`), 0o600);
      assert.equal(await Deno.readTextFile(`${folder}/old`), "kept");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
