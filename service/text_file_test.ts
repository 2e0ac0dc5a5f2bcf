import assert from "node:assert/strict";
import { readTextFile } from "./text_file.ts";

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
  fn: () => assert.rejects(readTextFile("/dev/zero", 1 << 20), /it is longer than 1 MiB/),
});

Deno.test("readTextFile() throws the system's error for no file, and for a folder", async () => {
  await assert.rejects(readTextFile("/nowhere/at all"), Deno.errors.NotFound);
  await assert.rejects(readTextFile("."));
});
