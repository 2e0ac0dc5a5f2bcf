import assert from "node:assert/strict";
import { lastLines } from "./log_tail.ts";

async function logWith(text: string): Promise<string> {
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, text);
  return path;
}

Deno.test("lastLines() prefers the lines that say what went wrong", async () => {
  const path = await logWith(
    "[1][info][main] a\n[2][critical][main] broken\n[3][info][main] b\n[4][warning][x] odd\n",
  );
  assert.equal(await lastLines(path, 8), "[2][critical][main] broken\n[4][warning][x] odd");
  assert.equal(await lastLines(path, 1), "[4][warning][x] odd");
  await Deno.remove(path);
});

Deno.test("lastLines() falls back on the very last lines", async () => {
  const path = await logWith("[1][info][main] a\n[2][info][main] b\n\n");
  assert.equal(await lastLines(path, 1), "[2][info][main] b");
  await Deno.remove(path);
});

Deno.test("lastLines() of a missing file is empty", async () => {
  assert.equal(await lastLines("/nowhere/envoy.log", 3), "");
});
