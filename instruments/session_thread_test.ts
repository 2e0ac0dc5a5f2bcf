import assert from "node:assert/strict";
import { startSessionThread } from "./session_thread.ts";

Deno.test("startSessionThread() answers as it is told, and tells each question about a session", async () => {
  await using sessions = await startSessionThread();
  await sessions.answer("one/s", { body: "[1]" });
  await sessions.answer("two/s", { status: 500, body: "no" });
  const ask = async (session: string) => {
    const response = await fetch(`http://127.0.0.1:${sessions.port}/context/${session}`);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await ask("one/s"), [200, "[1]"]);
  assert.deepEqual(await ask("two/s"), [500, "no"]);
  assert.deepEqual(await ask("one/unknown"), [200, "[]"]);
  assert.deepEqual(await sessions.asked("s"), ["one/s", "two/s"]);
});

Deno.test("startSessionThread() answers while this thread cannot run", async () => {
  await using sessions = await startSessionThread();
  await sessions.answer("one/s", { body: "[1]" });
  // A program of its own asks, and this thread waits for it without a turn of its event loop.
  const url = `http://127.0.0.1:${sessions.port}/context/one/s`;
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: ["eval", `console.log(await (await fetch("${url}")).text())`],
  }).outputSync();
  assert.equal(new TextDecoder().decode(stdout), "[1]\n");
});

Deno.test("startSessionThread() ends although somebody waits for its silence", async () => {
  const sessions = await startSessionThread();
  await sessions.answer("one/s", "silence");
  const waiting = fetch(`http://127.0.0.1:${sessions.port}/context/one/s`)
    .then(async (response) => (await response.body?.cancel(), response.status), () => undefined);
  while ((await sessions.asked("s")).length === 0);
  await sessions[Symbol.asyncDispose]();
  assert.ok([503, undefined].includes(await waiting));
});
