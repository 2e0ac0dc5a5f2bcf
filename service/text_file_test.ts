import assert from "node:assert/strict";
import { readFileBytes, readPlainTextFile, readTextFile } from "./text_file.ts";

Deno.test("readTextFile() reads what Deno.readTextFile() reads", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (const text of ["", "plain\n", "\ufeffmarked", "ü 😀 ".repeat(50_000)]) {
      await Deno.writeTextFile(path, text);
      assert.equal(await readTextFile(path), await Deno.readTextFile(path));
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  name: "readTextFile() gives up a file without an end",
  ignore: Deno.build.os === "windows",
  async fn() {
    await assert.rejects(readTextFile("/dev/zero", 1 << 20), /it is longer than 1 MiB/);
    await assert.rejects(readFileBytes("/dev/zero", 1 << 20), /it is longer than 1 MiB/);
  },
});

Deno.test("readFileBytes() reads what Deno.readFile() reads", async () => {
  const path = await Deno.makeTempFile();
  try {
    for (const length of [0, 1, 300_000]) {
      await Deno.writeFile(path, Uint8Array.from({ length }, (_, at) => at % 256));
      assert.deepEqual(await readFileBytes(path), await Deno.readFile(path));
    }
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readTextFile() throws the system's error for no file, and for a folder", async () => {
  await assert.rejects(readTextFile("/nowhere/at all"), Deno.errors.NotFound);
  await assert.rejects(readTextFile("."));
});

Deno.test({
  name: "readPlainTextFile() refuses a pipe at once, and does not wait for somebody who writes",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const pipe = `${folder}/pipe`;
      await new Deno.Command("mkfifo", { args: [pipe] }).output();
      await assert.rejects(readPlainTextFile(pipe), /no regular file/);
      await assert.rejects(readPlainTextFile("/dev/zero"), /no regular file/);
      await Deno.writeTextFile(`${folder}/file`, "text");
      await Deno.symlink(`${folder}/file`, `${folder}/link`);
      assert.equal(await readPlainTextFile(`${folder}/link`), "text");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
