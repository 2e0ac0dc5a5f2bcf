import assert from "node:assert/strict";
import { assertOwnFolder, makePrivateFileSync, makePrivateFolder, replaceFile } from "./mod.ts";

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

const UNIX = { ignore: Deno.build.os === "windows" };

Deno.test({
  name: "replaceFile() puts a whole file of the owner's in place, and nothing beside it",
  ...UNIX,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/victim`, "kept");
      // A link or file of somebody else's may be there, since both names can be guessed.
      await Deno.symlink(`${folder}/victim`, `${folder}/key.pem.part`);
      await Deno.symlink(`${folder}/victim`, `${folder}/key.pem`);
      await replaceFile(`${folder}/key.pem`, "secret");
      assert.equal(await Deno.readTextFile(`${folder}/victim`), "kept");
      assert.equal(await Deno.readTextFile(`${folder}/key.pem`), "secret");
      assert.equal((await Deno.lstat(`${folder}/key.pem`)).isFile, true);
      assert.equal(await modeOf(`${folder}/key.pem`), 0o600);
      await Deno.mkdir(`${folder}/taken/x`, { recursive: true });
      await assert.rejects(replaceFile(`${folder}/taken`, "secret"));
      const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
      assert.deepEqual(names.toSorted(), ["key.pem", "key.pem.part", "taken", "victim"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "assertOwnFolder() refuses a folder that others can write into, and takes one like /tmp",
  ...UNIX,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      await assertOwnFolder(folder);
      await Deno.chmod(folder, 0o777);
      await assert.rejects(assertOwnFolder(folder), /other users can write into it/);
      await Deno.chmod(folder, 0o1777);
      await assertOwnFolder(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "assertOwnFolder() refuses another user's folder, and another user's link to one of ours",
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir();
    const nobody = 65_534;
    try {
      await Deno.mkdir(`${folder}/theirs`);
      await Deno.chown(`${folder}/theirs`, nobody, nobody);
      await assert.rejects(assertOwnFolder(`${folder}/theirs`), /belongs to another user/);
      await Deno.symlink(folder, `${folder}/link`);
      await assertOwnFolder(`${folder}/link`);
      await new Deno.Command("chown", { args: ["-h", String(nobody), `${folder}/link`] }).output();
      await assert.rejects(assertOwnFolder(`${folder}/link`), /belongs to another user/);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
